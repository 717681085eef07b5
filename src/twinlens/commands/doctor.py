"""doctor."""

import typer

import twinlens
from twinlens.commands.from_request import from_request
from twinlens.requests.doctor import DoctorRequest


@from_request
def doctor(request: DoctorRequest) -> None:
    """Check, and print a line for each finding; exit code 1 if something is broken."""
    findings = twinlens.doctor.run(request)
    print("\n".join(map(str, findings)))
    if any(finding.level == "BROKEN" for finding in findings):
        raise typer.Exit(1)
