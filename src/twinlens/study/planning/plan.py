"""From a study to the list of its runs: what is shared, what is not."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twinlens.errors import UserError
from twinlens.files import digest, sha256
from twinlens.study.planning.config import Study


@dataclass(frozen=True)
class Run:
    """One run of a study.

    Attributes:
        id: Name of its folder: readable, and ending in a digest of all that determines it.
        kind: "pretrain", "train", or "predictions" where another tool's stand for a training.
        arm: For a training, its arm. A pretraining belongs to all arms that ask for the same.
        seed: Its seed.
        label_fraction: For a training, its label fraction.
        needs: For a training, the pretraining that it starts from.
        arguments: What `pretrain`, `train` or `external.score` is called with.
    """

    id: str
    kind: str
    arm: str | None
    seed: int
    label_fraction: float | None
    needs: str | None
    arguments: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the run as plain values for JSON."""
        return asdict(self)


def make_plan(study: Study, *, data_hash: str, split_hash: str) -> list[Run]:
    """List the runs of a study, seed by seed, each after what it needs.

    There is one pretraining a seed, shared by that seed's label fractions and by arms whose
    pretraining is the same. Seeds leave the arm out of what they determine, so arms are paired.

    Args:
        study: The study.
        data_hash: Of the data set; part of each run's identity, like the split's.
        split_hash: Of the split.

    Raises:
        UserError: Two arms have equal settings, and names that differ in signs or capitals alone.
    """
    identity = {"data": data_hash, "split": split_hash}
    runs: dict[str, Run] = {}
    for seed in study.seeds:
        for arm in study.arms:
            if seed in study.seeds_of(arm):
                for run in _runs(study, arm, seed, identity):
                    other = runs.setdefault(run.id, run).arm
                    if other != run.arm:
                        raise UserError(
                            f"The arms '{other}' and '{arm}' have equal settings, and names that "
                            "make the same folder: leave one out, or name it otherwise."
                        )
    return list(runs.values())


def _runs(study: Study, arm: str, seed: int, identity: dict[str, str]) -> list[Run]:
    if study.arms[arm].predictions:
        return _predictions(study, arm, seed, identity)
    pretraining = _pretraining(study, arm, seed, identity)
    trainings = _trainings(study, arm, seed, pretraining, identity)
    return [pretraining, *trainings] if pretraining else trainings


def prediction_files(study: Study, arm: str) -> dict[tuple[int, float], str]:
    """Return the files that stand for an arm's runs, by seed and label fraction."""
    template = str(study.arms[arm].predictions)
    return {
        (seed, label_fraction): template.replace("{seed}", str(seed)).replace(
            "{label_fraction}", f"{label_fraction:g}"
        )
        for seed in study.seeds_of(arm)
        for label_fraction in study.label_fractions_of(arm)
    }


def _predictions(study: Study, arm: str, seed: int, identity: dict[str, str]) -> list[Run]:
    runs = []
    for (its_seed, label_fraction), file in prediction_files(study, arm).items():
        if its_seed == seed:
            arguments = {
                "file": file,
                "classes": study.classes,
                "label_fraction": label_fraction,
                "seed": seed,
            }
            name = f"predictions-{_slug(arm)}-seed{seed}-labels{label_fraction:g}"
            run_id = _id(name, arguments | identity | {"content": _content(file)})
            runs.append(Run(run_id, "predictions", arm, seed, label_fraction, None, arguments))
    return runs


def _pretraining(study: Study, arm: str, seed: int, identity: dict[str, str]) -> Run | None:
    config = study.pretraining(arm)
    if config is None:
        return None
    identity = identity | {"weights": _content(study.arms[arm].weights)}
    arguments = {
        "encoder": study.arms[arm].encoder or study.encoder,
        "weights": study.arms[arm].weights,
        "images": study.arms[arm].images,
        "preset": study.preset,
        "settings": config.model_dump(by_alias=True, mode="json"),
        "seed": seed,
    }
    name = f"pretrain-{_slug(config.method)}-{arguments['images']}-seed{seed}"
    run_id = _id(name, arguments | identity | {"settings": config.determining()})
    return Run(run_id, "pretrain", None, seed, None, None, arguments)


def _trainings(
    study: Study, arm: str, seed: int, pretraining: Run | None, identity: dict[str, str]
) -> list[Run]:
    needs = pretraining.id if pretraining else None
    identity = identity | {"weights": _content(study.arms[arm].weights)}
    config, runs = study.training(arm), []
    for label_fraction in study.label_fractions:
        arguments = {
            "encoder": study.arms[arm].encoder or study.encoder,
            "weights": "random" if pretraining else study.arms[arm].weights,
            "preset": study.preset,
            "settings": config.model_dump(mode="json"),
            "label_fraction": label_fraction,
            "seed": seed,
        }
        name = f"train-{_slug(arm)}-seed{seed}-labels{label_fraction:g}"
        run_id = _id(name, arguments | identity | {"needs": needs})
        runs.append(Run(run_id, "train", arm, seed, label_fraction, needs, arguments))
    return runs


def _content(weights: str) -> str:
    """Return what identifies initial weights: of a file its content, not its name."""
    return sha256(Path(weights)) if Path(weights).is_file() else weights


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:80] or "arm"


def _id(name: str, content: dict[str, Any]) -> str:
    return f"{name}-{digest(content)[:8]}"
