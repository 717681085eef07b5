"""An arm of a study as one model: the runs of its seeds, averaged."""

from pathlib import Path

from twinlens.errors import UserError, unknown
from twinlens.evaluation.data_set_evaluation import choose
from twinlens.evaluation.test_set import Model
from twinlens.inference.predictions_table import averaged, read_predictions
from twinlens.inference.test_time import with_views
from twinlens.models.ensemble import read_alike
from twinlens.records.plan import PLAN, RUNS, Plan, PlannedTraining
from twinlens.records.run import MODEL, RUN


def open_arm(
    study: Path,
    arm: str,
    label_fraction: float | None = None,
    tta: int | None = None,
    *,
    recompute: bool = False,
) -> Model:
    """Open the finished runs of an arm as an ensemble.

    Its temperature is fitted on the averaged predictions of the validation images.

    Args:
        study: Folder of the study.
        arm: Name of the arm.
        label_fraction: That of its runs; None for the largest.
        tta: Views of test-time augmentation; None for the models' own.
        recompute: Do without stored predictions.

    Raises:
        UserError: The folder is no study, or there is no such arm, label fraction or finished run.
    """
    runs = _runs(study, arm, label_fraction)
    folders = [study / RUNS / run.id for run in runs]
    finished = [folder for folder in folders if (folder / RUN).is_file()]
    if not finished:
        raise UserError(
            f"No training of arm '{arm}' in {study} is finished: finish the study by "
            "'twinlens compare' first."
        )
    members = with_views(read_alike([folder / MODEL for folder in finished], study), tta)
    stored = averaged([read_predictions(folder) for folder in finished])
    val, classes = stored[stored["split"] == "val"], next(iter(members.values())).classes
    temperature = choose(val, classes).temperature if len(val) else None
    return Model(study, members, None if recompute or tta else stored, temperature)


def _runs(study: Path, arm: str, label_fraction: float | None) -> list[PlannedTraining]:
    if not (study / PLAN).is_file():
        raise UserError(f"{study} is no folder of a study, which --arm needs.")
    trainings = [run for run in Plan.read(study / PLAN).runs if run.kind == "train"]
    of_arm = [run for run in trainings if run.arm == arm]
    if not of_arm:
        raise unknown("arm", arm, {run.arm for run in trainings})
    fractions = {run.label_fraction for run in of_arm}
    wanted = max(fractions) if label_fraction is None else label_fraction
    if wanted not in fractions:
        raise unknown("label fraction", wanted, map(str, fractions))
    return [run for run in of_arm if run.label_fraction == wanted]
