"""An arm of a study."""

from typing import Any

from pydantic import Field, PositiveInt, field_validator, model_validator

from twinlens.config import Config
from twinlens.errors import unknown
from twinlens.pretraining.images import IMAGES
from twinlens.settings.search import SearchSpace


def refuse_common(settings: dict[str, Any]) -> dict[str, Any]:
    """Refuse settings that a study has in common for all its arms."""
    if "precision" in settings:
        raise ValueError("set 'precision' once, at the top: it is never mixed within a study")
    if "classes" in settings:
        raise ValueError("set 'classes' once, at the top: all arms have the same task")
    if "probe_label_fraction" in settings:
        raise ValueError(
            "leave out 'probe_label_fraction': a study's probes get its smallest label fraction"
        )
    return settings


class Arm(Config):
    """One way to train a classifier.

    Attributes:
        encoder: Overrides the study's.
        weights: "random", "pretrained" (those that timm or the hub publishes for the encoder), a
            name in `WEIGHTS`, or a file.
        pretrain: Settings of a self-supervised pretraining before the training that differ from the
            study's `pretrain`; {} for none that differ, null for no pretraining.
        images: Images that the pretraining sees; a name in `pretraining.images.IMAGES`.
        train: Settings of the training that differ from the study's `train`.
        search: What `twinlens tune` tries for the arm, instead of the study's `search`.
        seeds: Number of seeds that the arm runs with, the first of the study's; null for all.
        predictions: Instead of all of these, a CSV file of another tool's predictions, such as
            ``others/seed{seed}-labels{label_fraction}.csv``; see
            `study.planning.external_predictions`.
    """

    encoder: str | None = None
    weights: str = "random"
    pretrain: dict[str, Any] | None = None
    images: str = "unlabelled"
    train: dict[str, Any] = Field(default={})
    search: SearchSpace = Field(default={})
    seeds: PositiveInt | None = None
    predictions: str | None = None

    @field_validator("pretrain", "train")
    @classmethod
    def _one_precision(cls, settings: dict[str, Any] | None) -> dict[str, Any] | None:
        return refuse_common(settings) if settings else settings

    @field_validator("images")
    @classmethod
    def _known_images(cls, images: str) -> str:
        if images not in IMAGES:
            raise ValueError(str(unknown("choice of images", images, IMAGES)))
        return images

    @model_validator(mode="after")
    def _keys_go_together(self) -> "Arm":
        changed = {k for k, field in Arm.model_fields.items() if getattr(self, k) != field.default}
        given = sorted(changed & {"encoder", "weights", "pretrain", "train", "search"})
        if self.predictions and given:
            raise ValueError(
                f"'predictions' come from another tool, so leave out {' and '.join(given)}"
            )
        if self.pretrain is None and "images" in changed:
            raise ValueError(
                f"'images: {self.images}' names images for a pretraining: add 'pretrain: {{}}', or "
                "leave it out"
            )
        return self
