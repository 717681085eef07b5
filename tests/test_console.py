import io

from twinlens.console import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_inside_another_is_not_shown(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress("training", 2) as outer:
        for step in (1, 2):
            outer(step, "loss 7")
            with progress("looking", 3) as inner:
                inner(3, "seen")
    shown = terminal.getvalue()
    assert "training" in shown
    assert "loss 7" in shown
    assert "looking" not in shown
    assert "seen" not in shown


def test_a_bar_that_an_error_ended_hides_no_later_one(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    try:
        with progress("training", 2):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    with progress("afterwards", 1) as bar:
        bar(1, "")
    assert "afterwards" in terminal.getvalue()
