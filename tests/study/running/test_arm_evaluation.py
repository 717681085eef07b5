import pytest
from untrained import study_of

import twinlens
from twinlens.data.dataset import Dataset
from twinlens.data.splits import open_split
from twinlens.engine.device import make_fabric
from twinlens.evaluation.test_access import TEST_ACCESS, read_test_access
from twinlens.records.evaluation import EVALUATION, EvaluationRecord
from twinlens.records.plan import PLAN, Plan
from twinlens.records.scores import Scores
from twinlens.study.running.arm_evaluation import evaluate_best_arm
from twinlens.study.running.paths import run_folder


@pytest.fixture
def evaluated(finished, phantoms, monkeypatch):
    """A function that evaluates the best arm without any image, and returns what is stored."""
    folder, plan = finished
    Plan(runs=plan).write(folder / PLAN)
    split = open_split(twinlens.open_dataset(phantoms)).name

    def evaluate(**changes):
        study = study_of(data=str(phantoms), split=split, **changes)
        with monkeypatch.context() as patch:
            patch.setattr(Dataset, "images", property(lambda _: pytest.fail("an image was read")))
            evaluate_best_arm(folder, study, plan, make_fabric("fp32", "cpu"))
        path = folder / "evaluation" / EVALUATION
        return EvaluationRecord.read(path) if path.is_file() else None

    return evaluate


def test_it_is_what_evaluate_says_of_the_arm_with_the_best_mean_on_validation(
    finished, evaluated, phantoms
):
    found = evaluated(positive="NV")
    assert found.request.arm == "plain"  # .5 and .7, against .9 and .2
    assert len(found.members) == 2
    expected = twinlens.evaluate(
        finished[0], phantoms, arm="plain", label_fraction=1.0, positive="NV", device="cpu"
    ).data[0]
    (data,) = found.data
    assert data.stored
    assert data.model_copy(update={"reliability": None}) == expected
    assert data.binary.positive == ["NV"]
    assert len(data.reliability.sets) == 2
    assert data.reliability.subgroups.scores
    assert data.reliability.flagged == []


def test_it_is_done_and_logged_again_only_when_something_changed(finished, evaluated):
    log = finished[0] / TEST_ACCESS
    evaluated()
    place = finished[0] / "evaluation"
    before = place.stat().st_ino
    evaluated()
    assert place.stat().st_ino == before
    assert [entry.by for entry in read_test_access(log)] == ["plain, 2 seeds averaged"]
    assert evaluated(positive="NV").data[0].binary.positive == ["NV"]
    assert len(read_test_access(log)) == 2


def test_without_validation_images_no_arm_is_the_best(finished, evaluated):
    folder, plan = finished
    for run in plan:
        path = run_folder(folder, run) / "metrics.json"
        Scores(parts={"test": Scores.read(path).test}).write(path)
    assert evaluated() is None
    assert read_test_access(folder / TEST_ACCESS) == []
