import pytest
from untrained import finish_untrained


@pytest.fixture
def finished(tmp_path, phantoms, monkeypatch):
    """The folder of a study whose trainings are finished, and its plan."""
    return tmp_path, finish_untrained(tmp_path, phantoms, monkeypatch)
