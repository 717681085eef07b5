import importlib.util
from pathlib import Path

import pandas as pd
import pytest
from synthetic import finish_study

from twinlens.files import write_text
from twinlens.reporting.study.load_study import read_study
from twinlens.reporting.study.result_tables import arms_table, differences_table
from twinlens.reporting.tables.exports import as_csv
from twinlens.study.analysis.aggregate import collect
from twinlens.study.planning.config import Study

SCRIPT = Path(__file__).parents[2] / "examples" / "recompute.py"
ARMS = {
    "plain": {},
    "twins": {"pretrain": {}},
    "few": {"seeds": 3},
    "other tool": {"predictions": "others/predictions.csv"},
}


def _study(folder, *, without=lambda _: False, **changes):
    """Write a finished study with its two tables."""
    settings = {"data": "data", "seeds": 6, "label_fractions": [0.1, 1.0], "arms": ARMS}
    study = Study(**settings | {"min_effect": 0.05, "primary_metric": "macro_f1"} | changes)
    plan = finish_study(folder, study, without=without)
    collect(folder, study, plan, {}).write(folder / "results.json")
    stored = read_study(folder)
    for table in (arms_table(stored), differences_table(stored)):
        if table:
            write_text(folder / "tables" / f"{table.name}.csv", as_csv(table))
    return folder


@pytest.fixture(scope="module")
def recompute():
    spec = importlib.util.spec_from_file_location("recompute", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_it_computes_without_twinlens():
    assert "import twinlens" not in SCRIPT.read_text()
    assert "from twinlens" not in SCRIPT.read_text()


def test_every_figure_follows_from_the_stored_predictions(tmp_path, recompute, capsys):
    folder = _study(tmp_path, without=lambda run: (run.arm, run.seed) == ("twins", 2))
    table = pd.read_csv(folder / "tables" / "differences.csv")
    assert set(table["n"]) == {5, 3, 1}
    assert table.notna().any().all(), "every kind of figure is there"
    assert recompute(folder) == 0
    assert capsys.readouterr().out.count("figures, largest deviation") == 2


@pytest.mark.parametrize("changes", [{"seeds": 1}, {"arms": {"plain": {}}}, {"min_effect": None}])
def test_one_seed_and_one_arm_and_nothing_declared_are_computed_too(tmp_path, recompute, changes):
    assert recompute(_study(tmp_path, **changes)) == 0


def test_an_arm_without_a_finished_run_is_left_out(tmp_path, recompute):
    assert recompute(_study(tmp_path, without=lambda run: run.arm == "twins")) == 0


@pytest.mark.parametrize(
    ("table", "column"), [("arms", "accuracy_high"), ("differences", "p_holm")]
)
@pytest.mark.parametrize("change", ["moved", "removed"])
def test_a_figure_that_does_not_follow_is_found(tmp_path, recompute, table, column, change):
    folder = _study(tmp_path, seeds=3, label_fractions=[1.0])
    path = folder / "tables" / f"{table}.csv"
    content = pd.read_csv(path)
    line = content[column].first_valid_index()
    content.loc[line, column] += 1e-8 if change == "moved" else float("nan")
    content.to_csv(path, index=False)
    assert recompute(folder) == 1
