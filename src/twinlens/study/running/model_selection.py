"""The best model of a study: chosen on validation images, and kept as a bundle or an ensemble."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from twinlens.console import say
from twinlens.evaluation.data_set_evaluation import arrays, choose
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.scoring import score_predictions
from twinlens.evaluation.test_access import TEST_ACCESS, log_test_access
from twinlens.evaluation.trust.prediction_sets import fit_prediction_sets
from twinlens.files import atomic_folder
from twinlens.inference.predictions_table import averaged, read_predictions
from twinlens.models.bundle import INFO, read_info, write_info
from twinlens.models.ensemble import ENSEMBLE, write_ensemble
from twinlens.records.bundle import BundleInfo, EnsembleInfo, ModelChoice
from twinlens.records.plan import PlannedRun, PlannedTraining
from twinlens.records.results import BestModel
from twinlens.records.run import MODEL
from twinlens.records.scores import PartScores, Scores
from twinlens.study.planning.config import Study
from twinlens.study.running.paths import BEST, SOUP, is_finished, read_metrics, run_folder
from twinlens.study.running.soup import soup_scores

SoupMaker = Callable[[list[PlannedTraining], str, float], Scores]
"""Makes a soup of runs, see `soup.make_soup`: its arguments between folder and data."""


def keep_best(
    folder: Path, study: Study, plan: list[PlannedRun], make_soup: SoupMaker
) -> BestModel | None:
    """Keep the best training of the largest label fraction, or an ensemble, in the folder `BEST`.

    Validation images decide, by the primary metric; of equal runs the first by name. What an
    earlier choice left there is replaced. One process at a time may do this.

    Args:
        folder: Folder of the study.
        study: The study; its `ensemble` says whether one run is kept, all seeds of the arm with
            the best mean or a soup of them, or all arms and seeds.
        plan: Its runs. Those that are not finished, and other tools' predictions, are left out.
        make_soup: Makes a soup.

    Returns:
        What was chosen, with its metrics on the test images, which did not choose it. None where
        nothing can be chosen.
    """
    finished, val = _candidates(folder, study, plan)
    if not val:
        lacking = "are no validation images" if finished else "is no finished training"
        say(f"No best model is kept: there {lacking} to choose it by.")
        return None
    members = _choose(finished, _signed(val, study), study.ensemble)
    choice = _describe(members, study)
    if choice.ensemble == "soup":
        choice = _soup_or_run(finished, val, members, study, make_soup)
        members = [run for run in finished if run.id in choice.members]
    choice = choice.model_copy(
        update={"val": _score(folder, members, choice, "val").metrics[study.primary_metric]}
    )
    if _kept(folder / BEST) != choice:
        if choice.ensemble in ("seeds", "arms"):
            by = f"{BEST} (ensemble of {len(members)})"
            log_test_access(
                folder / TEST_ACCESS, images=count_test_images(folder, finished[0]), by=by
            )
        _keep(folder, members, choice)
    test = _score(folder, members, choice, "test")
    return BestModel(**choice.model_dump(), folder=BEST, test=test.metrics)


def _soup_or_run(
    runs: list[PlannedTraining],
    val: list[float],
    members: list[PlannedTraining],
    study: Study,
    make_soup: SoupMaker,
) -> ModelChoice:
    """Choose the soup, or the best run where this is better on validation images."""
    metric = study.primary_metric
    sign = METRICS[metric].sign
    best = int(np.argmax([sign * v for v in val]))
    soup_val = make_soup(members, metric, val[best]).parts["val"].metrics[metric]
    if sign * soup_val >= sign * val[best]:
        return _describe(members, study)
    say(f"The soup reached {soup_val:.3f} on validation images, less than the best run: not kept.")
    return _describe([runs[best]], study).model_copy(update={"soup_val": soup_val})


def best_seeds(folder: Path, study: Study, plan: list[PlannedRun]) -> list[PlannedTraining]:
    """Return the finished runs of the arm with the best mean on validation images.

    They are those of the largest label fraction; none where there are no validation images.
    """
    finished, val = _candidates(folder, study, plan)
    return _choose(finished, _signed(val, study), "seeds") if val else []


def count_test_images(folder: Path, run: PlannedTraining) -> int:
    """Return the number of test images of a finished run."""
    test = read_metrics(folder, run).test
    return test.n if test else 0


def _candidates(
    folder: Path, study: Study, plan: list[PlannedRun]
) -> tuple[list[PlannedTraining], list[float]]:
    """Return the finished trainings of the largest label fraction, and their scores on val."""
    most = max(study.label_fractions)
    trainings = [run for run in plan if run.kind == "train" and run.label_fraction == most]
    finished = sorted((r for r in trainings if is_finished(folder, r)), key=lambda run: run.id)
    scores = [read_metrics(folder, run).val for run in finished]
    return finished, [of.metrics[study.primary_metric] for of in scores if of]


def _signed(val: list[float], study: Study) -> list[float]:
    sign = METRICS[study.primary_metric].sign
    return [sign * value for value in val]


def _choose(runs: list[PlannedTraining], val: list[float], ensemble: str) -> list[PlannedTraining]:
    """Return the runs to keep."""
    if ensemble == "none":
        return [runs[int(np.argmax(val))]]
    if ensemble == "arms":
        return runs
    means = pd.Series(val).groupby([run.arm for run in runs], sort=False).mean()
    return [run for run in runs if run.arm == means.idxmax()]


def _describe(members: list[PlannedTraining], study: Study) -> ModelChoice:
    """Describe a choice, but for its score; run, arm and seed are None where there are several."""
    alone, one_arm = len(members) == 1, len({run.arm for run in members}) == 1
    return ModelChoice(
        ensemble="none" if alone else study.ensemble,
        run=members[0].id if alone else None,
        arm=members[0].arm if one_arm else None,
        seed=members[0].seed if alone else None,
        label_fraction=members[0].label_fraction,
        metric=study.primary_metric,
        members=[run.id for run in members],
        val=0.0,
    )


def _score(
    folder: Path, members: list[PlannedTraining], choice: ModelChoice, part: str
) -> PartScores:
    """Return the scores of a run, a soup, or an ensemble by its members' stored predictions."""
    if choice.ensemble == "soup":
        return soup_scores(folder).parts[part]
    if len(members) == 1:
        return read_metrics(folder, members[0]).parts[part]
    table, classes = _averaged(folder, members, part)
    labels, probabilities, _ = arrays(table, classes)
    return score_predictions(labels, probabilities, classes)


def _averaged(
    folder: Path, members: list[PlannedTraining], part: str
) -> tuple[pd.DataFrame, list[str]]:
    """Return the predictions of an ensemble by its members' stored ones, and the classes."""
    tables = [read_predictions(run_folder(folder, run)) for run in members]
    known = averaged([table[table["split"] == part] for table in tables])
    return known, known.filter(regex="^p_").columns.str.removeprefix("p_").tolist()


def _kept(best: Path) -> ModelChoice | None:
    """Return the choice that the folder of the best model states, if there is one."""
    if (best / INFO).is_file():
        return BundleInfo.read(best / INFO).choice
    return EnsembleInfo.read(best / ENSEMBLE).choice if (best / ENSEMBLE).is_file() else None


def _keep(folder: Path, members: list[PlannedTraining], choice: ModelChoice) -> None:
    """Copy the chosen bundle or bundles, and note the choice in them."""
    bundles = {run.id: run_folder(folder, run) / MODEL for run in members}
    best = folder / BEST
    marker = INFO if (best / INFO).is_file() else ENSEMBLE
    with atomic_folder(best, marker=marker, overwrite=True) as work:
        if choice.ensemble in ("seeds", "arms"):
            table, classes = _averaged(folder, members, "val")
            chooser = choose(table, classes)
            sets = fit_prediction_sets(chooser, classes)
            write_ensemble(
                work,
                bundles,
                choice,
                temperature=chooser.temperature,
                prediction_sets=sets,
            )
            return
        soup = choice.ensemble == "soup"
        bundle = folder / SOUP / MODEL if soup else bundles[members[0].id]
        shutil.copytree(bundle, work, dirs_exist_ok=True)
        write_info(work, read_info(work).model_copy(update={"choice": choice}))
