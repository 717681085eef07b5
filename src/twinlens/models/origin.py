"""The weights that the publisher of an encoder offers, and what published weights are."""

from pathlib import Path
from typing import Any
from urllib.error import URLError

from twinlens.errors import UserError, require
from twinlens.models.encoder_name import parse_name
from twinlens.models.encoders import Encoder
from twinlens.models.hub import CLIP_FILES, TIMM_FILES, hub_file
from twinlens.models.published import WEIGHTS, TrainingImages, images_of_tag
from twinlens.records.weights import Normalisation, WeightsOrigin

PRETRAINED = "pretrained"
"""Name of the weights that timm, or an encoder's repository of the hub, publishes for it."""


def pretrained_file(encoder: Encoder) -> Path:
    """Return the file of an encoder's own published weights, downloaded by timm's ways if missing.

    Raises:
        UserError: There are none, or the file cannot be downloaded.
    """
    config = _config(encoder)
    if repository := config.get("hf_hub_id"):
        return hub_file(repository, weight_names(config.get("hf_hub_filename")))
    if not (address := config.get("url")):
        named = [
            name
            for name, entry in WEIGHTS.items()
            if entry.encoder == parse_name(encoder.name).network
        ]
        others = f"choose {' or '.join(named)}" if named else "choose random, or a file"
        raise UserError(
            f"The encoder {encoder.name} comes without weights of its own, so that --weights "
            f"{PRETRAINED} names none: {others}."
        )
    hub = require("timm.models._hub", extra="timm")
    try:
        return Path(hub.download_cached_file(address))
    except (URLError, OSError, RuntimeError) as error:
        path = Path(hub.get_cache_dir()) / Path(address).name
        raise UserError(
            f"{address} could not be downloaded ({error}): fetch it on another machine, and put it "
            f"at {path} or name it by --weights FILE."
        ) from error


def weight_names(stated: str | None) -> tuple[str, ...]:
    """Return the names that the weight file of a repository may have, safetensors first."""
    for names in (TIMM_FILES, CLIP_FILES):
        if stated is None or stated in names:
            return names
    return (stated,)  # type: ignore[return-value]


def origin_of(encoder: Encoder, weights: str, digest: str) -> WeightsOrigin | None:
    """Describe published weights that an encoder has loaded; None for any other file.

    Args:
        encoder: With their normalisation.
        weights: "pretrained", or a name in `WEIGHTS`; anything else is a file.
        digest: The file's sha256, by which it may be known as well.
    """
    config = _config(encoder)
    repository = config.get("hf_hub_id")
    if weights == PRETRAINED:
        by_name = (entry for entry in WEIGHTS.values() if entry.hub and entry.hub == repository)
        entry = next(by_name, None)
        place = f"hf-hub:{repository}" if repository else config["url"]
        what = f"The weights of {place}"
    else:
        known = (e for e in WEIGHTS.values() if e.sha256 and digest.startswith(e.sha256))
        entry = WEIGHTS.get(weights) or next(known, None)
        if entry is None:
            return None
        place, what = entry.place, f"The weights {Path(weights).name}"
    images = images_of_tag(entry.images if entry else config.get("tag") or "")
    return WeightsOrigin(
        source=place,
        licence=entry.licence if entry else config.get("license"),
        input_size=encoder.default_size,
        normalisation=Normalisation(mean=encoder.mean, std=encoder.std),
        interpolation=encoder.interpolation,
        images=", then on ".join(seen.title for seen in images) or None,
        warning=_warning(what, images),
    )


def _warning(what: str, images: list[TrainingImages]) -> str | None:
    if not images:
        return (
            f"{what} do not say which images they were trained on: if your test images are among "
            "them, the scores are too high."
        )
    seen = [part.may_have_seen for part in images if part.may_have_seen]
    if not seen:
        return None
    return (
        f"{what} were trained on {', then on '.join(part.title for part in images)}, which may "
        f"include {seen[0]}: if your test images are among them, the scores are too high."
    )


def _config(encoder: Encoder) -> dict[str, Any]:
    """Return what timm states about an encoder's published weights; empty for other encoders."""
    config: dict[str, Any] = getattr(encoder.network, "pretrained_cfg", None) or {}
    return config
