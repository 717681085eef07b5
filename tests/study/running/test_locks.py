import os
import signal

import pytest

from twinlens.study.running.locks import locked


@pytest.fixture
def study(tmp_path):
    (tmp_path / "runs").mkdir()
    return tmp_path


def test_one_alone_has_a_run_until_it_lets_go(study):
    with locked(study, "a") as first, locked(study, "a") as second, locked(study, "b") as other:
        assert (first, second, other) == (True, False, True)
    with locked(study, "a") as again:
        assert again


def test_a_claim_ends_with_an_error(study):
    with pytest.raises(KeyError), locked(study, "a"):
        raise KeyError
    with locked(study, "a") as again:
        assert again


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_claim_ends_with_its_process(study):
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with locked(study, "a"):
            os.write(tell, b"x")
            signal.pause()
    os.read(ready, 1)
    with locked(study, "a") as mine:
        assert not mine
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with locked(study, "a") as mine:
        assert mine
