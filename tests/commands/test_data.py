import pytest


@pytest.mark.slow
def test_an_audit_prints_what_leaks_and_fixes_it(command_line, leaking):
    out = command_line("audit", leaking, "--strict", code=1)
    assert "Split 'imported' LEAKS: 1 group and 3 near-duplicate pairs" in out
    assert str(leaking / "audit" / "audit.html") in out
    assert "Split 'imported-fixed' repairs 'imported'" in command_line("audit", leaking, "--fix")
    out = command_line("audit", leaking, "--split", "imported-fixed", "--strict")
    assert "LEAKS" not in out
    assert "Unknown split 'fixed'" in command_line("audit", leaking, "--split", "fixed", code=2)
