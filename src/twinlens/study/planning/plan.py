"""From a study to the list of its runs: what is shared, what is not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinlens.errors import UserError
from twinlens.files import digest, sha256
from twinlens.records.plan import (
    PlannedPredictions,
    PlannedPretraining,
    PlannedRun,
    PlannedTraining,
)
from twinlens.requests.base import Request
from twinlens.requests.predictions import PredictionsRequest
from twinlens.requests.pretrain import PretrainRequest
from twinlens.requests.train import TrainRequest
from twinlens.study.planning.config import Study


def make_plan(study: Study, *, data_hash: str, split_hash: str) -> list[PlannedRun]:
    """List the runs of a study, seed by seed, each after the one that it needs.

    There is one pretraining per seed, shared by that seed's label fractions and by arms whose
    pretraining is the same. Seeds do not depend on the arm, so arms are paired.

    Args:
        study: The study.
        data_hash: Hash of the data set; part of each run's identity, like the split's.
        split_hash: Hash of the split.

    Raises:
        UserError: Two arms have equal settings, and names that differ in signs or capitals alone.
    """
    runs: dict[str, PlannedRun] = {}
    for seed in study.seeds:
        for arm in study.arms:
            if seed in study.seeds_of(arm):
                for run in _Planner(study, arm, seed, data_hash, split_hash).runs():
                    other = runs.setdefault(run.id, run).arm
                    if other != run.arm:
                        raise UserError(
                            f"The arms '{other}' and '{arm}' have equal settings, and names that "
                            "make the same folder: leave one out, or name it otherwise."
                        )
    return list(runs.values())


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


@dataclass(frozen=True)
class _Planner:
    """Makes the runs of one arm and seed."""

    study: Study
    arm: str
    seed: int
    data_hash: str
    split_hash: str

    def runs(self) -> Iterator[PlannedRun]:
        if self.study.arms[self.arm].predictions:
            yield from self._predictions()
            return
        pretraining = self._pretraining()
        if pretraining:
            yield pretraining
        yield from self._trainings(pretraining)

    def _predictions(self) -> Iterator[PlannedRun]:
        classes = self.study.classes
        for (seed, label_fraction), file in prediction_files(self.study, self.arm).items():
            if seed != self.seed:
                continue
            request = PredictionsRequest(
                self.study.data,
                "",
                file=file,
                split=self.study.split,
                classes=tuple(classes) if classes else None,
                label_fraction=label_fraction,
                seed=seed,
            )
            name = f"predictions-{_slug(self.arm)}-seed{seed}-labels{label_fraction:g}"
            yield PlannedPredictions(
                id=self._id(name, request, content=_content(file)),
                arm=self.arm,
                seed=seed,
                label_fraction=label_fraction,
                request=request,
            )

    def _pretraining(self) -> PlannedPretraining | None:
        config, arm = self.study.pretraining(self.arm), self.study.arms[self.arm]
        if config is None:
            return None
        request = PretrainRequest(
            self.study.data,
            "",
            encoder=arm.encoder or self.study.encoder,
            weights=arm.weights,
            images=arm.images,
            preset=self.study.preset,
            settings=self.study.pretraining_settings(self.arm),
            split=self.study.split,
            seed=self.seed,
        )
        name = f"pretrain-{_slug(config.method)}-{arm.images}-seed{self.seed}"
        identity = {"settings": config.determining(), "weights": _content(arm.weights)}
        return PlannedPretraining(
            id=self._id(name, request, **identity), seed=self.seed, request=request
        )

    def _trainings(self, pretraining: PlannedPretraining | None) -> Iterator[PlannedRun]:
        config, arm = self.study.training(self.arm), self.study.arms[self.arm]
        needs = pretraining.id if pretraining else None
        for label_fraction in self.study.label_fractions:
            request = TrainRequest(
                self.study.data,
                "",
                encoder=arm.encoder or self.study.encoder,
                weights="random" if pretraining else arm.weights,
                preset=self.study.preset,
                settings=self.study.training_settings(self.arm),
                split=self.study.split,
                label_fraction=label_fraction,
                seed=self.seed,
            )
            name = f"train-{_slug(self.arm)}-seed{self.seed}-labels{label_fraction:g}"
            settings = config.model_dump(mode="json")
            identity = {"settings": settings, "weights": _content(arm.weights), "needs": needs}
            yield PlannedTraining(
                id=self._id(name, request, **identity),
                arm=self.arm,
                seed=self.seed,
                label_fraction=label_fraction,
                needs=needs,
                request=request,
            )

    def _id(self, name: str, request: Request, **identity: Any) -> str:
        """Return a folder's name, with a digest of all that determines the run."""
        hashes = {"dataset": self.data_hash, "split": self.split_hash}
        return f"{name}-{digest(request.as_json() | hashes | identity)[:8]}"


def _content(file: str) -> str:
    """Return what identifies a file or named weights: of a file its content, not its name."""
    return sha256(Path(file)) if Path(file).is_file() else file


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:80] or "arm"
