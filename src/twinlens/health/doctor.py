"""The command: all checks, of the machine or of a folder."""

from twinlens.health.finding import Finding
from twinlens.health.folders import check_folder
from twinlens.health.machine import check_disk, check_machine
from twinlens.health.packages import check_packages
from twinlens.health.weights import check_weights
from twinlens.requests.base import accepts
from twinlens.requests.doctor import DoctorRequest


@accepts(DoctorRequest)
def doctor(request: DoctorRequest) -> list[Finding]:
    """Check the machine and the installation, or what a folder holds.

    Returns:
        What was found, in the order of the checks.

    Raises:
        UserError: The folder holds nothing that Twinlens has written.
    """
    if request.path is None:
        return [*check_machine(), *check_packages(), *check_weights()]
    findings = [*check_folder(request.path)]
    return [*findings, check_disk(request.path)] if request.path.is_dir() else findings
