"""The best arm of a study, evaluated in full from the stored predictions of its seeds."""

from pathlib import Path

from lightning_fabric import Fabric

from twinlens.evaluation.arm import open_arm
from twinlens.evaluation.evaluate import evaluate_model
from twinlens.evaluation.test_access import TEST_ACCESS, log_test_access
from twinlens.records.evaluation import EVALUATION, EvaluationRecord
from twinlens.records.plan import PlannedRun
from twinlens.requests.evaluate import EvaluateRequest
from twinlens.study.planning.config import Study
from twinlens.study.running.model_selection import best_seeds, count_test_images
from twinlens.study.running.paths import DETAILS


def evaluate_best_arm(folder: Path, study: Study, plan: list[PlannedRun], fabric: Fabric) -> None:
    """Evaluate the arm with the best mean on validation images, its seeds as an ensemble.

    The folder `DETAILS` is what `twinlens evaluate STUDY DATA --arm NAME` makes, but no image is
    read. Nothing is done where it is there already, or without validation images.

    Args:
        folder: Folder of the study.
        study: The study.
        plan: Its runs, those of the best arm finished or not.
        fabric: Gives device and precision.
    """
    runs = best_seeds(folder, study, plan)
    if not runs:
        return
    request = EvaluateRequest(
        model=folder,
        datasets=study.data,
        arm=runs[0].arm,
        label_fraction=runs[0].label_fraction,
        split=f"{study.split}:test",
        positive=study.positive,
        out=folder / DETAILS,
        overwrite=True,
    )
    model = open_arm(folder, runs[0].arm, runs[0].label_fraction)
    path = folder / DETAILS / EVALUATION
    if path.is_file():
        before = EvaluationRecord.read(path)
        same = before.request.command_line() == request.command_line()
        if same and before.members == [str(member) for member in model.members]:
            return
    if len(runs) > 1:
        by = f"{runs[0].arm}, {len(runs)} seeds averaged"
        log_test_access(folder / TEST_ACCESS, images=count_test_images(folder, runs[0]), by=by)
    evaluate_model(request, model, fabric, images=False)
