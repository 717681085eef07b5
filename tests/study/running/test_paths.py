from synthetic import planned_training

from stored_runs import train_run
from twinlens.records.plan import Plan
from twinlens.study.running.paths import is_finished, read_plan, read_record, run_folder


def test_a_run_is_finished_once_its_folder_has_a_record(tmp_path):
    run, record = planned_training("plain"), train_run()
    Plan(runs=[run]).write(tmp_path / "plan.json")
    assert read_plan(tmp_path) == [run]
    assert not is_finished(tmp_path, run)
    record.write(run_folder(tmp_path, run) / "run.json")
    assert is_finished(tmp_path, run)
    assert read_record(tmp_path, run) == record
