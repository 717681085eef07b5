"""The study file: data, arms, seeds and label fractions."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, PositiveFloat, field_validator, model_validator

from twinlens.config import Config, override, parse, read_yaml
from twinlens.errors import UserError, unknown
from twinlens.evaluation.metrics import METRICS
from twinlens.pretraining.method import configure
from twinlens.settings.finetuning import PRESETS as FINE_TUNING_PRESETS
from twinlens.settings.finetuning import FineTuning, configure_training
from twinlens.settings.pretraining import Pretraining
from twinlens.settings.search import SearchSpace
from twinlens.study.planning.arm import Arm, refuse_common
from twinlens.study.planning.baselines import SHARED_SETTINGS, Baseline, baseline_arm
from twinlens.types import Precision

LabelFraction = Annotated[float, Field(gt=0, le=1)]


class Study(Config):
    """A paired comparison.

    Attributes:
        title: Title of the report.
        data: Folder of an imported data set, relative to the working directory.
        split: Name of the split; null for the only one.
        preset: "recommended", "paper" or "paper-code", for pretraining and training.
        encoder: A name in `ENCODERS`, ``timm/NAME`` or ``hf-hub:OWNER/NAME``.
        precision: "fp32", "bf16" or "auto", the same for all runs; null for the preset's.
        seeds: The seeds, or their number.
        label_fractions: Shares of the labelled training images, each contained in the larger ones.
        pretrain: Settings of `Pretraining` for every arm that pretrains.
        train: Settings of `FineTuning` for every arm.
        arms: The arms by name.
        baselines: Frozen encoders to compare with, each a name that `twinlens weights list` shows,
            or a mapping for a file of your own: each becomes an arm that is probed. "auto" for all
            published ones that are in the cache.
        search: What `twinlens tune` tries for the settings of an arm, such as
            ``train.lr: {low: 1e-4, high: 1e-2, log: true}`` or ``train.epochs: [20, 40, 80]``.
        reference: The arm that others are compared with; null for the first.
        primary_metric: Declared beforehand; null for balanced accuracy, or accuracy
            with the paper's presets.
        min_effect: The smallest effect of interest in this metric, for the verdict and the number
            of seeds needed; null for none.
        classes: Train and test on these classes only, such as [MEL, NV]; null for all. Training
            images of other classes count as unlabelled.
        positive: Classes to tell from all others in the report, such as MEL,BCC, or a group of the
            classes; null for malignant, where the classes have such a group.
        ensemble: What is kept as the best model: one run ("none"), all seeds of the best arm
            ("seeds"), all arms and seeds ("arms"), or the mean of the weights of the best arm's
            seeds ("soup"), if it is no worse than the best run on validation images.
    """

    title: str = "Does self-supervised pretraining help here?"
    data: str
    split: str | None = None
    preset: str = "recommended"
    encoder: str = "resnet50"
    precision: Precision | None = None
    seeds: list[int] = Field(default=[0, 1, 2], min_length=1)
    label_fractions: list[LabelFraction] = Field(default=[1.0], min_length=1)
    pretrain: dict[str, Any] = Field(default={})
    train: dict[str, Any] = Field(default={})
    arms: dict[str, Arm] = Field(min_length=1)
    baselines: Literal["auto"] | list[str | Baseline] = Field(default=[])
    search: SearchSpace = Field(default={})
    reference: str = ""
    primary_metric: str = ""
    min_effect: PositiveFloat | None = None
    classes: list[str] | None = Field(default=None, min_length=2)
    positive: str | None = None
    ensemble: Literal["none", "seeds", "arms", "soup"] = "none"

    @field_validator("seeds", mode="before")
    @classmethod
    def _count(cls, seeds: Any) -> Any:
        if isinstance(seeds, list | tuple):
            return seeds
        if not isinstance(seeds, int) or seeds < 1:
            raise ValueError("write how many, such as 3, or a list of them, such as [0, 1, 2]")
        return list(range(seeds))

    @field_validator("seeds", "label_fractions", "classes")
    @classmethod
    def _distinct(cls, values: list[Any] | None) -> list[Any] | None:
        if values and len(set(values)) < len(values):
            raise ValueError("no value may come twice")
        return values

    @field_validator("pretrain", "train")
    @classmethod
    def _one_precision(cls, settings: dict[str, Any]) -> dict[str, Any]:
        return refuse_common(settings)

    @field_validator("preset")
    @classmethod
    def _known_preset(cls, preset: str) -> str:
        if preset not in FINE_TUNING_PRESETS:
            raise ValueError(str(unknown("preset", preset, FINE_TUNING_PRESETS)))
        return preset

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        arms = content.get("arms")
        first = str(next(iter(arms), "")) if isinstance(arms, dict) else ""
        preset = str(content.get("preset"))
        metric = "accuracy" if "paper" in preset else "balanced_accuracy"
        precision = FINE_TUNING_PRESETS.get(preset, {}).get("precision", "auto")
        defaults = {"reference": first, "primary_metric": metric, "precision": precision}
        return content | {key: content.get(key) or value for key, value in defaults.items()}

    @model_validator(mode="after")
    def _add_baselines(self) -> "Study":
        for entry in () if self.baselines == "auto" else self.baselines:
            name, arm = baseline_arm(entry)
            if self.arms.setdefault(name, arm) != arm:
                raise ValueError(f"'{name}' is an arm and a baseline: name one of them otherwise")
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> "Study":
        if self.reference not in self.arms:
            raise ValueError(f"Reference: {unknown('arm', self.reference, self.arms)}")
        if self.primary_metric not in METRICS:
            raise ValueError(f"{unknown('primary_metric', self.primary_metric, METRICS)}")
        return self

    @property
    def baseline_arms(self) -> list[str]:
        """The names of the arms that are frozen baselines."""
        return [] if self.baselines == "auto" else [baseline_arm(b)[0] for b in self.baselines]

    def seeds_of(self, arm: str) -> list[int]:
        """Return the seeds that an arm runs with."""
        chosen = self.arms[arm]
        if chosen.predictions and "{seed}" not in chosen.predictions:
            return self.seeds[:1]
        return self.seeds[: chosen.seeds]

    def label_fractions_of(self, arm: str) -> list[float]:
        """Return the label fractions that an arm runs with."""
        predictions = self.arms[arm].predictions
        if predictions and "{label_fraction}" not in predictions:
            return [max(self.label_fractions)]
        return self.label_fractions

    def pretraining_settings(self, arm: str) -> dict[str, Any]:
        """Return the settings of an arm's pretraining that differ from the preset."""
        own = self.arms[arm].pretrain or {}
        probed = {"probe_label_fraction": min(self.label_fractions)}  # as few labels as any arm has
        return {**self.pretrain, **own, **probed, **self._common()}

    def pretraining(self, arm: str) -> Pretraining | None:
        """Return the resolved pretraining of an arm, or None where it has none."""
        if self.arms[arm].pretrain is None:
            return None
        where = f"Pretraining of the arm '{arm}'"
        return configure(self.preset, self.pretraining_settings(arm), where=where)

    def training_settings(self, arm: str) -> dict[str, Any]:
        """Return the settings of an arm's training that differ from the preset."""
        shared = self.train
        if arm in self.baseline_arms:
            shared = {key: value for key, value in shared.items() if key in SHARED_SETTINGS}
        return {**shared, **self.arms[arm].train, **self._common()}

    def training(self, arm: str) -> FineTuning:
        """Return the resolved training of an arm."""
        return configure_training(
            self.preset, self.training_settings(arm), where=f"Training of the arm '{arm}'"
        )

    def _common(self) -> dict[str, Any]:
        shared = {"precision": self.precision, "classes": self.classes}
        return {key: value for key, value in shared.items() if value is not None}


def read_study(path: Path, settings: Iterable[str]) -> Study:
    """Read and check a study file.

    Args:
        path: A YAML file.
        settings: Overrides of the form ``key.subkey=value``.

    Raises:
        UserError: Says which key is wrong and what would be right.
    """
    if not path.is_file():
        raise UserError(f"{path} is not a file: write a study file with 'twinlens init DATA'.")
    study = parse(Study, override(read_yaml(path), settings), where=str(path))
    for arm in study.arms:
        study.training(arm)
        study.pretraining(arm)
    return study


def as_yaml(study: Study) -> str:
    """Return the resolved study as a study file."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
