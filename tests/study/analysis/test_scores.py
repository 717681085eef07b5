import pandas as pd
from synthetic import CLASSES, finish_study

from twinlens.evaluation.metrics import METRICS
from twinlens.study.analysis import scores as module
from twinlens.study.planning.config import Study
from twinlens.study.running.paths import read_metrics

STUDY = Study(data="data", seeds=2, label_fractions=[0.3, 1.0], arms={"a": {}, "b": {}})


def test_one_flat_table_holds_what_the_runs_hold(tmp_path):
    plan = finish_study(tmp_path, STUDY)
    table = module.collect_scores(tmp_path, plan)
    assert list(table) == module.COLUMNS
    assert len(table) == len(plan) * 2 * (len(METRICS) + 4 * len(CLASSES))
    module.write_scores(tmp_path, table)
    pd.testing.assert_frame_equal(module.read_scores(tmp_path), table)
    for run in plan:
        expected = read_metrics(tmp_path, run).test.metrics
        of_arm = module.test_metrics(table)[run.arm, run.label_fraction]
        assert of_arm.loc[run.seed].to_dict() == expected
