"""What was really run: the design in words, each pretraining and training, and what differs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.methods import METHODS
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
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.augmentation import augmentation_table
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.study.method_diagram import embedding_panels
from twinlens.reporting.study.pipeline_diagram import framework_panel
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
_BALANCED = {
    "none": "every image counts alike",
    "loss": "classes are weighted by the inverse of their frequency",
    "sampler": "classes are drawn equally often",
}


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
    trained = [run for run in study.runs_of("train") if not run.external]
    counts = {"pretraining": len(study.runs_of("pretrain")), "training": len(trained)}
    finished = listing([plural(n, kind) for kind, n in counts.items() if n]) or "no training"
    said = [f"The study has {listing(parts)}, with {finished} finished."]
    data = study.data
    if data:
        size = f", at {data['size']} × {data['size']} pixels" if data.get("size") else ""
        classes = plural(len(study.classes), "class", "classes")
        classes += f" ({listing(study.classes)})" if len(study.classes) <= _LISTED else ""
        split = f"in the split ‘{data.get('split')}’"
        said.append(f"Images are of the data set {data.get('path')}, {split}{size}, of {classes}.")
    starts = {f"a {run.config.get('encoder')} with {weights_words(run.config)}" for run in trained}
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
    device, precision = (study.environment.get(key) for key in ("device", "precision"))
    said += [f"All was computed on {device} in {precision}."] if device and precision else []
    return said


def pretrainings(study: StoredStudy) -> list[Described]:
    """Return in words each pretraining that arms start from."""
    return _described(study, "pretrain", _pretraining_words)


def trainings(study: StoredStudy) -> list[Described]:
    """Return in words each way in which arms were trained."""
    return _described(study, "train", _training_words)


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
    config, images = run.config, run.info.get("images")
    seen = IMAGES[config["images"]].title
    parts = [
        f"{method_title(run.method)} of a {config.get('encoder')} with {weights_words(config)}, "
        f"on {f'{count(images)} ' if images else ''}images ({seen}), labels ignored"
    ]
    if config.get("projector_epochs"):
        alone = plural(config["projector_epochs"], "epoch")
        parts.append(f"{alone} of the projector alone, learning rate {config['projector_lr']:g}")
    if "epochs" in config:
        parts.append(_one_cycle(config))
    if "projector" in config:
        parts.append(f"projector {'–'.join(map(str, config['projector']))}")
    parts += [
        f"{title} {value_words(config[key])}"
        for key, title in METHODS[run.method].reported.items()
        if config.get(key) is not None
    ]
    return sentence(parts)


def _training_words(run: StoredRun) -> str:
    config = run.config
    if run.external:
        name = Path(str(config.get("predictions"))).name
        return f"Predictions of another tool, {name}; how it was trained is not known here."
    parts = []
    if config.get("tuning") == "linear_probe":
        on = "logistic regression on the features of the frozen encoder"
        parts.append(f"{on}, C = {config.get('probe_c')}")
    elif "epochs" in config:
        if config.get("tuning") == "head_then_full" and config.get("head_epochs"):
            head = f"{config.get('head', 'linear')} head alone, learning rate {config['head_lr']:g}"
            parts.append(f"{plural(config['head_epochs'], 'epoch')} of the {head}")
        parts.append(_one_cycle(config))
    parts.append(balancing(config))
    parts += [_test_time(config)] if config.get("tta") else []
    return sentence(parts)


def balancing(config: Settings) -> str:
    """Say how a training treats classes of different size."""
    if config.get("tuning") == "linear_probe":
        return _BALANCED["loss" if config.get("probe_balanced") else "none"]
    balance = str(config.get("class_balance", "none"))
    return _BALANCED.get(balance, balance)


def _one_cycle(config: Settings) -> str:
    fallback = f"{config.get('fallback_lr')} where it is inconclusive"
    found = f"found by a learning-rate search ({fallback})"
    rate = found if config.get("lr") == "valley" else f"fixed at {config.get('lr')}"
    decay = config.get("weight_decay")
    return (
        f"{plural(config['epochs'], 'epoch')} of one-cycle for all weights, batches of "
        f"{config.get('batch_size')}, maximum learning rate {rate}, Adam"
        f"{f' with a weight decay of {decay}' if decay else ''}"
    )


def _test_time(config: Settings) -> str:
    views, clean = config["tta"], config.get("tta_clean")
    drawn = plural(views - 1 if clean else views, "drawn view")
    if clean:
        return f"predictions averaged over the image and {drawn}" if views > 1 else "no view drawn"
    return f"predictions averaged over {drawn}"


def weights_words(config: Settings) -> str:
    """Name initial weights, a file without its folder."""
    name = Path(str(config.get("weights", "unknown"))).name
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
    if run.external:
        return {"predictions": Path(str(run.config.get("predictions"))).name}
    first: Settings = run.config.get("pretrained") or {}
    seen = IMAGES[first["images"]].title if first else ""
    before = f"{method_title(first['method'])} on {seen} images" if first else "none"
    given = {key: value for key, value in run.config.items() if key not in _IDENTITY}
    own = {"encoder", "weights", "method", "images", "preset"} | _IDENTITY | _MONITORING
    return (
        {"weights": Path(str(run.config.get("weights", "unknown"))).name, "pretraining": before}
        | {key: value for key, value in given.items() if key not in ("weights", "preset")}
        | {f"pretraining: {key}": value for key, value in first.items() if key not in own}
    )


def _differs(key: str, settings: Sequence[Settings]) -> bool:
    """Tell whether arms that have a setting differ in it."""
    return key == "predictions" or len({str(of[key]) for of in settings if key in of}) > 1


def _setting(key: str) -> Column:
    kind, _, name = key.rpartition(": ")
    return Column(plain(name).capitalize(), lambda row: value_words(row[key]), kind)
