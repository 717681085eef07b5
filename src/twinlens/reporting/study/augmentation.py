"""Augmentation as the runs used it: which operation, how likely, how strong."""

from collections.abc import Callable, Sequence
from typing import Any

from twinlens.errors import UserError
from twinlens.files import read_json
from twinlens.reporting.formatting import MISSING
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import Cell, Table, arm_titles, number
from twinlens.views.recipes import named_pair, named_recipe

Recipe = dict[str, Any]

_BUNDLE = "model/bundle.json"


def augmentation_table(study: StoredStudy) -> Table | None:
    """Return the views of every pretraining and training, a column each, an operation a row.

    Runs whose recipe cannot be told any more are left out; None where none is left.
    """
    columns = _columns(study)
    if not columns:
        return None
    heads = [number(title, detail) for title, detail, _ in columns]
    lines = {name: [cell(recipe) for *_, recipe in columns] for name, cell in _OPERATIONS.items()}
    used = {name: cells for name, cells in lines.items() if any(c.text != MISSING for c in cells)}
    rows = [[Cell(name), *cells] for name, cells in used.items()]
    records = [{"views": f"{title}: {arms}", **recipe} for title, arms, recipe in columns]
    return Table([Cell("Operation"), *heads], rows, "augmentation", records)


def _columns(study: StoredStudy) -> list[tuple[str, str, Recipe]]:
    """Return title, arms and recipe of views, arms that share them together."""
    together: dict[tuple[str, str], tuple[list[str], Recipe]] = {}
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


def _pretraining(run: StoredRun) -> dict[str, Recipe]:
    recipes = run.info.get("recipes")
    if not recipes:  # an older version kept the name alone
        try:
            pair = named_pair(run.config["views"], run.config.get("view_changes") or {})
        except (UserError, KeyError):
            return {}
        recipes = [recipe.model_dump(mode="json") for recipe in pair]
    return {f"Pretraining, view {i}": recipe for i, recipe in enumerate(recipes, start=1)}


def _training(run: StoredRun) -> dict[str, Recipe]:
    title = "Test time" if run.config.get("tuning") == "linear_probe" else "Training and test time"
    bundle = run.folder / _BUNDLE
    kept = read_json(bundle)["test_time"]["recipe"] if bundle.is_file() else None
    if isinstance(kept, dict):  # the numbers themselves, whatever the name means today
        return {title: kept}
    try:
        recipe = named_recipe(run.config["views"], run.config.get("view_changes") or {})
    except (UserError, KeyError):
        return {}
    return {title: recipe.model_dump(mode="json")}


def _crop(recipe: Recipe) -> Cell:
    if list(recipe["crop_scale"]) == [1, 1]:
        return number(MISSING)
    ratio = f"width/height {_range(recipe['crop_ratio'])}"
    return number("1", f"area {_range(recipe['crop_scale'])}\n{ratio}{_shared(recipe, 'crop')}")


def _jitter(recipe: Recipe) -> Cell:
    names = ("brightness", "contrast", "saturation", "hue")
    return _likely(recipe["jitter_p"], "\n".join(f"{name} {recipe[name]:g}" for name in names))


def _blur(recipe: Recipe) -> Cell:
    sigma = f"σ {_range(recipe['blur_sigma'])} px of {recipe['blur_size']}"
    shared = _shared(recipe, "blur_sigma")
    return _likely(recipe["blur_p"], f"{sigma}\nkernel {recipe['blur_kernel']} px{shared}")


def _solarise(recipe: Recipe) -> Cell:
    added = (
        f"\nadded {_range(recipe['solarise_addition'])}" if any(recipe["solarise_addition"]) else ""
    )
    return _likely(recipe["solarise_p"], f"from {_range(recipe['solarise_threshold'])}{added}")


def _likely(p: float, detail: str = "") -> Cell:
    return number(f"{p:g}", detail) if p else number(MISSING)


def _range(bounds: Sequence[float]) -> str:
    low, high = (f"{bound:.3g}".replace("-", "−") for bound in bounds)
    return low if low == high else f"{low} to {high}"


def _shared(recipe: Recipe, draw: str) -> str:
    return "\none draw a batch" if draw in recipe["per_batch"] else ""


_OPERATIONS: dict[str, Callable[[Recipe], Cell]] = {
    "Crop": _crop,
    "Flip left and right": lambda r: _likely(r["flip_p"]),
    "Flip top and bottom": lambda r: _likely(r["vertical_flip_p"]),
    "Rotate": lambda r: _likely(r["rotate_p"], f"{_range(r['rotate_degrees'])}°"),
    "Colour jitter": _jitter,
    "Grey": lambda r: _likely(r["grey_p"]),
    "Blur": _blur,
    "Solarise": _solarise,
}
