from twinlens.commands.next_command import suggest


def test_the_next_command_goes_to_standard_error_and_can_be_pasted(capsys):
    suggest("audit", "my data")
    suggest("init", "data", purpose="to write a study file")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "Next: twinlens audit 'my data'",
        "Next, to write a study file: twinlens init data",
    ]
