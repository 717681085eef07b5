import pytest

from twinlens.errors import UserError
from twinlens.evaluation.test_access import log_look, log_test_access, read_test_access


def test_entries_are_added_to_the_log(tmp_path):
    log = tmp_path / "log"
    assert read_test_access(log) == []
    for images, run in ((3, "a"), (4, "b")):
        log_test_access(log, images=images, by=run)
    assert [(entry.images, entry.by) for entry in read_test_access(log)] == [(3, "a"), (4, "b")]
    log.write_text(log.read_text() + "{}\n")
    with pytest.raises(UserError, match="log is damaged"):
        read_test_access(log)


def test_a_look_at_the_results_counts_once_for_each_number_of_seeds(tmp_path):
    log = tmp_path / "log"
    log_test_access(log, images=3, by="run")
    found = [log_look(log, images=3, seeds=n) for n in (0, 1, 3, 3, 5, 4)]
    assert found == [[], [], [3], [3], [3, 5], [3, 5]]
    assert [entry.seeds for entry in read_test_access(log)] == [None, 3, 5]
