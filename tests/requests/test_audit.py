from twinlens.requests.audit import AuditRequest


def test_an_audit_names_its_splits_and_runs_in_its_command():
    request = AuditRequest("data", splits=("a", "b"), pretrained=("runs/twins",), fix=True)
    assert request.command_line() == (
        "twinlens audit data --split a --split b --pretrained runs/twins --fix"
    )
