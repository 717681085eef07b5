"""``plan.json`` of a study: its runs, and why some of them failed."""

from typing import Annotated, Literal

from pydantic import Field

from twinlens.records.base import Record
from twinlens.requests.predictions import PredictionsRequest
from twinlens.requests.pretrain import PretrainRequest
from twinlens.requests.train import TrainRequest

PLAN = "plan.json"
RUNS = "runs"
"""The folder of a study's runs; each is in a folder of its id once it is finished."""


class _Run(Record):
    """What every planned run has.

    Attributes:
        id: Name of its folder: readable, and ending in a digest of all that determines it.
        seed: Its seed.
    """

    id: str
    seed: int


class PlannedPretraining(_Run):
    """A pretraining, shared by all arms that ask for the same one.

    Attributes:
        request: What `pretrain` is asked for; its folder is filled in when it is run.
    """

    kind: Literal["pretrain"] = "pretrain"
    arm: None = None
    label_fraction: None = None
    needs: None = None
    request: PretrainRequest


class PlannedTraining(_Run):
    """A training of an arm.

    Attributes:
        arm: Name of the arm.
        label_fraction: Share of the labelled training images.
        needs: Id of the pretraining that it starts from; null for none.
        request: What `train` is asked for; its folder is filled in when it is run.
    """

    kind: Literal["train"] = "train"
    arm: str
    label_fraction: float
    needs: str | None = None
    request: TrainRequest


class PlannedPredictions(_Run):
    """Predictions of another tool, which stand for a training.

    Attributes:
        arm: Name of the arm.
        label_fraction: Share of the labels that the tool's model was trained with.
        request: What is scored; its folder is filled in when it is run.
    """

    kind: Literal["predictions"] = "predictions"
    arm: str
    label_fraction: float
    needs: None = None
    request: PredictionsRequest


PlannedRun = PlannedPretraining | PlannedTraining | PlannedPredictions


class Plan(Record):
    """The runs of a study.

    Attributes:
        runs: The runs, each after the one that it needs.
        workers: Number of processes that share them on one machine, as chosen or given last.
    """

    runs: list[Annotated[PlannedRun, Field(discriminator="kind")]]
    workers: int = 1


class Failure(Record):
    """Why a run failed: ``runs/ID.failed.json`` of a study.

    Attributes:
        run: Id of the run.
        reason: One sentence.
        when: Time in UTC, as ISO 8601.
    """

    run: str
    reason: str
    when: str
