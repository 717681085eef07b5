"""What a page shows of each pretraining: verdict, curves, maps, neighbours and views."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from twinlens.records.monitor import MonitorRecord
from twinlens.reporting.figures.layout import Panel, picture_panel
from twinlens.reporting.figures.style import Legend, Mark, arm_mark
from twinlens.reporting.formatting import listing
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.pictures import png_uri
from twinlens.reporting.pretraining.embedding import map_panels
from twinlens.reporting.pretraining.monitoring import alarms, ending, monitor_panels
from twinlens.reporting.pretraining.nearest_neighbours import (
    Neighbours,
    nearest_neighbours,
    same_class,
)
from twinlens.reporting.study.arm_runs import ArmRuns, having

_PICTURE_BYTES = 1_000_000  # of all pictures of a kind together, so that the page stays light


@dataclass(frozen=True)
class ViewGrid:
    """Views that a run has stored as a picture.

    Attributes:
        arms: Titles of the arms that use them.
        path: Path of the picture, relative to the page's folder.
        uri: The picture as a data URI; empty if it is too large for the page.
        panels: The picture as a figure with a file of its own.
    """

    arms: str
    path: str
    uri: str
    panels: list[Panel]


@dataclass(frozen=True)
class PretrainingSection:
    """What shows whether a pretraining works.

    Attributes:
        arms: Titles of the arms that start from it; empty outside a study.
        seed: Seed of the run whose maps and neighbours are shown, if there are several.
        sentences: Verdict and ending of each seed.
        same_class: How many neighbours are of the query's class before and after, of how many.
        neighbours_file: Path of the picture of neighbours if it is too large for the page.
        missing: What is not stored.
    """

    arms: str
    mark: Mark
    seed: str
    sentences: list[str]
    curves: list[Panel]
    monitor: MonitorRecord | None
    alarms: bool
    maps: list[Panel]
    classes: Legend
    neighbours: list[Neighbours]
    neighbour_panels: list[Panel]
    same_class: tuple[int, int, int] | None
    neighbours_file: str
    missing: str


def pretraining_sections(arms: Sequence[ArmRuns], folder: Path) -> list[PretrainingSection]:
    """Return what a page shows of each pretraining.

    Args:
        arms: Pretraining runs, by the arms that start from them.
        folder: Folder of the page.
    """
    neighbours = [nearest_neighbours(arm.runs[0]) for arm in arms]
    fits = _fitting([sum(row.size for row in rows) for rows in neighbours])
    return [
        _section(arm, rows, fit, folder)
        for arm, rows, fit in zip(arms, neighbours, fits, strict=True)
    ]


def _section(
    arm: ArmRuns, neighbours: list[Neighbours], fits: bool, folder: Path
) -> PretrainingSection:
    run = arm.runs[0]
    curves, (maps, classes) = monitor_panels(arm), map_panels(arm)
    parts = {"curves": curves, "map of the embedding": maps, "nearest neighbours": neighbours}
    return PretrainingSection(
        arms=arm.title,
        mark=arm_mark(arm.index),
        seed=f"seed {run.seed}" if len(arm.runs) > 1 else "",
        sentences=_sentences(arm),
        curves=curves,
        monitor=run.monitor,
        alarms=any(alarms(run) for run in arm.runs),
        maps=maps,
        classes=classes,
        neighbours=neighbours if fits else [],
        neighbour_panels=_picture(run.folder / "neighbours.png", arm.title),
        same_class=same_class(neighbours),
        neighbours_file="" if fits else _path(run, "neighbours.png", folder),
        missing=listing([f"no {name}" for name, part in parts.items() if not part]),
    )


def _sentences(arm: ArmRuns) -> list[str]:
    """Return verdict and ending of each seed; outside a study the page begins with the verdict."""
    sentences = {
        run.seed: " ".join([*(_verdict(run) if run.arms else []), *ending(run)]) for run in arm.runs
    }
    several = len(arm.runs) > 1
    return [f"Seed {seed}: {text}" if several else text for seed, text in sentences.items() if text]


def pretraining_views(arms: Sequence[ArmRuns], folder: Path) -> list[ViewGrid]:
    """Return the stored pairs of views, one picture for the arms that share a pretraining."""
    stored = having(arms, lambda run: (run.folder / "views.png").is_file())
    paths = [arm.runs[0].folder / "views.png" for arm in stored]
    fits = _fitting([path.stat().st_size for path in paths])
    return [
        ViewGrid(
            arm.title,
            _path(arm.runs[0], "views.png", folder),
            png_uri(path) if fit else "",
            _picture(path, arm.title) if fit else [],
        )
        for arm, path, fit in zip(stored, paths, fits, strict=True)
    ]


def _verdict(run: StoredRun) -> list[str]:
    return run.pretraining.verdict if run.pretraining else []


def training_views(arms: Sequence[ArmRuns], folder: Path) -> list[ViewGrid]:
    """Return the stored views of trainings, one picture for the arms that share a recipe."""
    alike: dict[str, list[ArmRuns]] = {}
    for arm in having(arms, lambda run: (run.folder / "views.png").is_file()):
        training = arm.runs[0].training
        recipe = str(training and (training.settings.views, training.settings.view_changes))
        alike.setdefault(recipe, []).append(arm)
    titles = {recipe: listing([arm.title for arm in same]) for recipe, same in alike.items()}
    return pretraining_views(
        [replace(same[0], title=titles[key]) for key, same in alike.items()], folder
    )


def _picture(path: Path, title: str) -> list[Panel]:
    return [picture_panel(path, title)] if path.is_file() else []


def _path(run: StoredRun, name: str, folder: Path) -> str:
    return str((run.folder / name).relative_to(folder))


def _fitting(sizes: Sequence[int]) -> list[bool]:
    """Return which pictures of these sizes fit on the page together, taken in order."""
    taken, fits = 0, []
    for size in sizes:
        fits.append(taken + size <= _PICTURE_BYTES)
        taken += size * fits[-1]
    return fits
