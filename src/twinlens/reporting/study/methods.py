"""What was really run: the design in words, each pretraining and training, and what differs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.methods import METHODS
from twinlens.records.run import PredictionsRun, PretrainRun, TrainRun
from twinlens.reporting.figures.style import Mark, arm_mark
from twinlens.reporting.formatting import (
    count,
    decimal,
    label_fraction_title,
    listing,
    method_title,
    metric_title,
    plain,
    plural,
    sentence,
)
from twinlens.reporting.load_run import StoredRun, resolved
from twinlens.reporting.study.augmentation import augmentation_table
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.study.method_diagram import embedding_panels
from twinlens.reporting.study.pipeline_diagram import framework_panel
from twinlens.reporting.study.training_words import one_cycle, training_words
from twinlens.reporting.tables.tables import (
    Column,
    Table,
    arm_cell,
    arm_titles,
    make_table,
    value_words,
)

Settings = dict[str, Any]

_IDENTITY = {"kind", "seed", "label_fraction", "data_hash", "split_hash", "initial_weights",
             "pretrained", "classes", "precision"}  # fmt: skip
_MONITORING = {"monitor_points", "probe_label_fraction"}  # decide only with `keep` or `patience`
_LISTED = 12  # classes that a sentence names


@dataclass(frozen=True)
class Described:
    """In words what some arms have in common."""

    arms: str
    mark: Mark
    words: str


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the texts, tables and figures that the template shows."""
    return {
        "design": design(study),
        "framework": framework_panel(study),
        "joint_embeddings": embedding_panels(study),
        "pretrainings": pretrainings(study),
        "trainings": trainings(study),
        "arm_settings": settings_table(study),
        "augmentation": augmentation_table(study),
    }


def design(study: StoredStudy) -> list[str]:
    """Return sentences on the study: what was compared, on which data, by what."""
    parts = [plural(len(study.arms), "arm")]
    parts.append(plural(len(study.results.seeds), "seed"))
    if len(study.label_fractions) > 1:
        parts.append(
            f"label fractions of {listing([*map(label_fraction_title, study.label_fractions)])}"
        )
    trained = [run.training for run in study.runs_of("train") if run.training]
    counts = {"pretraining": len(study.runs_of("pretrain")), "training": len(trained)}
    finished = listing([plural(n, kind) for kind, n in counts.items() if n]) or "no training"
    said = [f"The study has {listing(parts)}, with {finished} finished."]
    data = study.data
    if data:
        size = f", at {data.size} × {data.size} pixels"
        classes = plural(len(study.classes), "class", "classes")
        classes += f" ({listing(study.classes)})" if len(study.classes) <= _LISTED else ""
        split = f"in the split ‘{data.split}’"
        said.append(f"Images are of the data set {data.path}, {split}{size}, of {classes}.")
    starts = {f"a {record.encoder} with {weights_words(record)}" for record in trained}
    said += [f"Every arm starts from {starts.pop()}."] if len(starts) == 1 else []
    if len(study.arms) > 1:
        said.append(
            "With the same seed, arms share the split, the order of batches, the augmentation "
            "and, where their encoders agree, the initial weights of the head; so differences are "
            "taken seed by seed."
        )
    declared = f"{metric_title(study.primary)} was declared the primary metric beforehand"
    least = f", and {decimal(study.min_effect)} the smallest effect of interest"
    said.append(f"{declared}{least if study.min_effect else ''}.")
    if study.environment:
        device, precision = study.environment.device, study.environment.precision
        said.append(f"All was computed on {device} in {precision}.")
    return said


def pretrainings(study: StoredStudy) -> list[Described]:
    """Return in words each pretraining that arms start from."""
    return _described(study, "pretrain", _pretraining_words)


def trainings(study: StoredStudy) -> list[Described]:
    """Return in words each way in which arms were trained."""
    return _described(study, "train", training_words)


def _described(study: StoredStudy, kind: str, words: Callable[[StoredRun], str]) -> list[Described]:
    """Describe the first run of each arm, arms that are alike together."""
    alike: dict[str, list[str]] = {}
    for arm in study.arms:
        for run in study.runs_of(kind, arm=arm)[:1]:
            alike.setdefault(words(run), []).append(arm)
    return [
        Described(_all_or_titles(study, arms), arm_mark(study.arms.index(arms[0])), text)
        for text, arms in alike.items()
    ]


def _all_or_titles(study: StoredStudy, arms: Sequence[str]) -> str:
    return "All arms" if len(arms) == len(study.arms) > 2 else arm_titles(study, arms)


def _pretraining_words(run: StoredRun) -> str:
    record = run.pretraining
    assert record, "it describes pretrainings"
    settings = record.settings
    parts = [
        f"{method_title(run.method)} of a {record.encoder} with {weights_words(record)}, on "
        f"{count(record.images)} images ({IMAGES[record.request.images].title}), labels ignored"
    ]
    if settings.projector_epochs:
        alone = plural(settings.projector_epochs, "epoch")
        parts.append(f"{alone} of the projector alone, learning rate {settings.projector_lr:g}")
    parts.append(one_cycle(settings))
    if settings.image_size:
        parts.append(f"views of {settings.image_size} × {settings.image_size} pixels")
    parts.append(f"projector {'–'.join(map(str, settings.projector))}")
    of_method = settings.model_extra or {}
    parts += [
        f"{title} {value_words(of_method[key])}"
        for key, title in METHODS[run.method].reported.items()
        if of_method.get(key) is not None
    ]
    return sentence(parts)


def weights_words(record: PretrainRun | TrainRun) -> str:
    """Name initial weights, a file without its folder."""
    name = Path(record.initial_weights.name).name
    return "random weights" if name == "random" else f"the weights ‘{name}’"


def settings_table(study: StoredStudy) -> Table | None:
    """Return the settings in which arms differ, one row per arm; None if there are none."""
    runs = {arm: study.runs_of("train", arm=arm)[:1] for arm in study.arms}
    settings = {arm: _settings(of[0]) for arm, of in runs.items() if of}
    keys = dict.fromkeys(key for of in settings.values() for key in of)
    shown = [key for key in keys if _differs(key, [*settings.values()])]
    if not shown:
        return None
    rows = [{"arm": arm} | {key: of.get(key) for key in shown} for arm, of in settings.items()]
    columns = [Column("Arm", lambda row: arm_cell(study, [row["arm"]])), *map(_setting, shown)]
    return make_table(rows, columns, name="settings")


def _settings(run: StoredRun) -> Settings:
    """Return what an arm was run with, the settings of its pretraining marked as such."""
    if isinstance(run.record, PredictionsRun):
        return {"predictions": Path(run.record.request.file).name}
    assert run.training, "only trainings are arms"
    before, pretraining = "none", run.training.pretraining
    if pretraining:
        seen = IMAGES[pretraining.request.images].title
        before = f"{method_title(pretraining.settings.method)} on {seen} images"
    first = resolved(pretraining) if pretraining else {}
    given = {key: value for key, value in run.config.items() if key not in _IDENTITY}
    own = {"encoder", "weights", "method", "images", "preset"} | _IDENTITY | _MONITORING
    return (
        {"weights": Path(run.training.initial_weights.name).name, "pretraining": before}
        | {key: value for key, value in given.items() if key not in ("weights", "preset")}
        | {f"pretraining: {key}": value for key, value in first.items() if key not in own}
    )


def _differs(key: str, settings: Sequence[Settings]) -> bool:
    """Tell whether arms that have a setting differ in it."""
    return key == "predictions" or len({str(of[key]) for of in settings if key in of}) > 1


def _setting(key: str) -> Column:
    kind, _, name = key.rpartition(": ")
    return Column(plain(name).capitalize(), lambda row: value_words(row[key]), kind)
