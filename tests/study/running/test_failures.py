import pytest

from twinlens.errors import UserError
from twinlens.study.running.failures import failure, forget_failures, note_failure
from twinlens.study.running.paths import failure_file


@pytest.fixture
def study(tmp_path):
    (tmp_path / "runs").mkdir()
    return tmp_path


def test_a_users_mistake_is_its_sentence(study):
    note_failure(study, "a", UserError("The loss became nan."))
    assert failure(study, "a") == "The loss became nan."
    assert failure(study, "b") is None
    assert not failure_file(study, "a").with_suffix(".txt").exists()


def test_of_an_unexpected_error_the_traceback_is_kept_until_it_is_forgotten(study):
    note_failure(study, "a", ZeroDivisionError("division by zero\nand more"))
    assert failure(study, "a") == "ZeroDivisionError: division by zero"
    assert "and more" in failure_file(study, "a").with_suffix(".txt").read_text()
    forget_failures(study)
    assert failure(study, "a") is None
    assert not [*(study / "runs").iterdir()]
