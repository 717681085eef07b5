"""What a self-supervised method is, and how its settings are resolved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twinlens.config import from_preset, keys
from twinlens.errors import UserError, unknown
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.networks import SiameseNetwork
from twinlens.pretraining.precision import Terms
from twinlens.pretraining.view_plans import pair
from twinlens.settings.pretraining import PRESETS, Pretraining
from twinlens.views.view import ViewPlan


@dataclass(frozen=True)
class Method:
    """A self-supervised method that learns from views of each image.

    Attributes:
        title: The name that its authors write.
        citation: Where they describe it.
        settings: Its settings, whose `method` is the method's name.
        loss: From what `network.complete` returns of the network's outputs for all views, and the
            settings, to the loss and the terms that are worth watching.
        presets: By preset, what it changes beyond `settings.pretraining.PRESETS`.
        network: What is trained.
        views: From the settings, and the side of the images in pixels, to the views of each image.
        reported: Settings that reports print, and what they call them.
        per_image: Whether the loss is a mean over images, so that each of several processes needs
            the outputs for its own alone.
    """

    title: str
    citation: str
    settings: type[Pretraining]
    loss: Callable[..., Terms]
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    network: type[SiameseNetwork] = SiameseNetwork
    views: Callable[[Any, int], ViewPlan] = pair
    reported: Mapping[str, str] = field(default_factory=dict)
    per_image: bool = False


def configure(preset: str, settings: Mapping[str, Any], *, where: str) -> Pretraining:
    """Return the settings of a pretraining: its method's, a preset's, and the user's changes.

    Args:
        preset: A name in `PRESETS`.
        settings: What differs from the preset; "method" chooses the method.
        where: File or option that the settings came from, for the error.

    Raises:
        UserError: A name is unknown, a value wrong, or a setting belongs to another method.
    """
    name = str(settings.get("method", "barlow_twins"))
    if name not in METHODS:
        raise UserError(f"{where}: {unknown('method', name, METHODS)}")
    method = METHODS[name]
    for key in set(settings) - {*keys(method.settings)}:
        for other in METHODS:
            if key in keys(METHODS[other].settings):
                raise UserError(
                    f"{where}: '{key}' is a setting of the method {other}, not of {name}: "
                    f"leave it out, or choose method={other}."
                )
    presets = {name: PRESETS[name] | dict(method.presets.get(name, {})) for name in PRESETS}
    return from_preset(method.settings, presets, preset, settings, where=where)
