"""Augmentation as the runs used it: which operation, how likely, how strong."""

from collections.abc import Sequence

import pandas as pd

from twinlens.errors import UserError
from twinlens.records.bundle import BundleInfo
from twinlens.records.run import PretrainRun
from twinlens.reporting.formatting import MISSING
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import Cell, Table, arm_titles, number
from twinlens.views.operations.operation import Operation
from twinlens.views.recipe import ViewRecipe
from twinlens.views.recipes import named_recipe

_BUNDLE = "model/bundle.json"


def augmentation_table(study: StoredStudy) -> Table | None:
    """Return the views of every pretraining and training: one column each, one row per operation.

    Runs whose recipe is unknown are left out; None if none is left.
    """
    columns = _columns(study)
    if not columns:
        return None
    lines = zip(*(recipe.operations().values() for *_, recipe in columns), strict=True)
    heads = [number(title, detail) for title, detail, _ in columns]
    rows = [
        [Cell(line[0].TITLE), *map(_cell, line)]
        for line in lines
        if any(operation.probability() for operation in line)
    ]
    frame = pd.DataFrame(
        [{"views": f"{title}: {arms}", **_flat(recipe)} for title, arms, recipe in columns],
        dtype=object,
    )
    return Table([Cell("Operation"), *heads], rows, "augmentation", frame)


def _columns(study: StoredStudy) -> list[tuple[str, str, ViewRecipe]]:
    """Return title, arms and recipe of views, arms that share them together."""
    together: dict[tuple[str, str], tuple[list[str], ViewRecipe]] = {}
    for kind, recipes_of in (("pretrain", _pretraining), ("train", _training)):
        for arm in study.arms:
            for run in study.runs_of(kind, arm=arm)[:1]:
                for title, recipe in recipes_of(run).items():
                    arms, _ = together.setdefault((title, str(recipe)), ([], recipe))
                    arms.append(arm)
    return [(title, _arms(study, arms), recipe) for (title, _), (arms, recipe) in together.items()]


def _arms(study: StoredStudy, arms: Sequence[str]) -> str:
    if len(arms) == len(study.arms):
        return "all arms"
    return f"{len(arms)} arms" if len(arms) > 2 else arm_titles(study, arms)


def _pretraining(run: StoredRun) -> dict[str, ViewRecipe]:
    recipes = run.record.recipes if isinstance(run.record, PretrainRun) else ()
    kinds = ("view 1", "view 2", "small views")
    return {f"Pretraining, {kind}": recipe for kind, recipe in zip(kinds, recipes, strict=False)}


def _training(run: StoredRun) -> dict[str, ViewRecipe]:
    training = run.training
    if training is None:
        return {}
    probed = training.settings.tuning == "linear_probe"
    title = "Test time" if probed else "Training and test time"
    bundle = run.folder / _BUNDLE
    if bundle.is_file():  # the settings themselves, whatever the name means today
        return {title: BundleInfo.read(bundle).test_time.recipe}
    try:
        recipe = named_recipe(training.settings.views, training.settings.view_changes)
    except UserError:
        return {}
    return {title: recipe}


def _cell(operation: Operation) -> Cell:
    p = operation.probability()
    return number(f"{p:g}", "\n".join(operation.details())) if p else number(MISSING)


def _flat(recipe: ViewRecipe) -> dict[str, object]:
    """Return each setting by its key, such as ``crop.scale``."""
    settings = recipe.model_dump(mode="json")
    return {f"{name}.{key}": v for name, inner in settings.items() for key, v in inner.items()}
