"""Initial weights of an encoder: from a file, published ones by name, or the encoder's own."""

from difflib import get_close_matches
from pathlib import Path

from twinlens.console import say
from twinlens.errors import UserError
from twinlens.files import sha256
from twinlens.models.download import cache_folder, download
from twinlens.models.encoder_name import parse_name
from twinlens.models.encoders import Encoder
from twinlens.models.hub import cached_hub_file, hub_cache, hub_file
from twinlens.models.layouts import fit
from twinlens.models.match import describe_match
from twinlens.models.origin import PRETRAINED, origin_of, pretrained_file
from twinlens.models.published import SUM_TOLERANCE, WEIGHTS, Published
from twinlens.models.tensor_files import read_header, read_tensors
from twinlens.records.weights import InitialWeights

_BY_HAND = (".safetensors", ".pth", ".bin")
"""What the name of a file ends in that a user puts into the cache, for weights of the hub."""


def load_weights(encoder: Encoder, weights: str | Path) -> InitialWeights:
    """Load initial weights into an encoder, whole or not at all.

    Args:
        encoder: Changed in place; published weights and files of a pretraining bring their
            normalisation.
        weights: ``"random"`` (the encoder stays as it was built), ``"pretrained"`` (those that
            timm or the encoder's repository of the hub publishes), a name in `WEIGHTS`, or a file:
            .safetensors, or one of torch.save (.pth, .pt, .ckpt, .bin, .torch, .pth.tar) that
            holds tensors, nested at will, and options as plain values.

    Raises:
        UserError: The file cannot be obtained or read, or does not fit the encoder.
    """
    if str(weights) == "random":
        return InitialWeights(name="random")
    path = weight_file(encoder, weights)
    _, matched = fit(encoder, read_tensors(path))
    if matched.problems:
        raise UserError(
            f"{path} does not fit the encoder {encoder.name}: {matched.problems}. "
            "Choose the encoder that the weights were made for, or other weights."
        )
    header = read_header(path)
    # Strict but for num_batches_tracked, which BatchNorm fills in where an old file lacks it.
    encoder.load_state_dict(matched.tensors)
    source = WEIGHTS.get(str(weights)) or (header and header.normalisation)
    if source and source.mean and source.std:
        encoder.mean, encoder.std = source.mean, source.std
    say(f"{path.name}: {describe_match(encoder, matched)}")
    digest = sha256(path)
    origin = header.origin if header else origin_of(encoder, str(weights), digest)
    if origin:
        say(f"Licence of these weights: {origin.licence or 'not stated'}")
    if origin and origin.warning:
        say(f"WARNING: {origin.warning}")
    return InitialWeights(
        name=str(weights),
        sha256=digest,
        matched=len(matched.tensors),
        dropped=tuple(matched.dropped),
        origin=origin,
        history=header.history if header else (),
    )


def default_encoder(weights: str | Path) -> str:
    """Return the encoder of published weights, and resnet50 for all others."""
    entry = WEIGHTS.get(str(weights))
    return entry.encoder if entry else "resnet50"


def weight_file(encoder: Encoder, weights: str | Path) -> Path:
    """Return the file of the weights; published ones are downloaded where they are missing.

    Raises:
        UserError: There is no such file, or it is not what was published for the encoder.
    """
    if str(weights) == PRETRAINED:
        return pretrained_file(encoder)
    entry = WEIGHTS.get(str(weights))
    if entry is None:
        return local_file(weights)
    if entry.encoder != parse_name(encoder.name).network:
        raise UserError(
            f"The weights '{weights}' are for the encoder {entry.encoder}, not {encoder.name}: "
            f"choose --encoder {entry.encoder}, or other weights."
        )
    if entry.address is None:
        return _from_hub(str(weights), entry)
    path = cached(str(weights))
    if not path.exists():
        download(
            entry.address,
            path,
            flaw=lambda part: _difference(encoder, part, entry),
            size=entry.size,
        )
    elif wrong := _difference(encoder, path, entry):
        raise UserError(
            f"{path} is not the published file ({wrong}): delete it to have it downloaded again, "
            f"or put the file from {entry.address} there."
        )
    return path


def cached(name: str) -> Path:
    """Return where the file of published weights lies, or is to be put; for the hub, its folder."""
    entry = WEIGHTS[name]
    if entry.address is not None:
        return cache_folder() / f"{name}{Path(entry.address).suffix}"
    return _at_hand(name, entry) or hub_cache(entry.repository)


def _at_hand(name: str, entry: Published) -> Path | None:
    """Return the file of a repository, put into our cache by hand or from the hub's cache."""
    by_hand = (cache_folder() / f"{name}{suffix}" for suffix in _BY_HAND)
    placed = next((path for path in by_hand if path.is_file()), None)
    return placed or cached_hub_file(entry.repository, entry.files)


def _from_hub(name: str, entry: Published) -> Path:
    path = _at_hand(name, entry)
    if path is None and entry.gated is not None:
        raise UserError(
            f"The weights '{name}' come under a licence that you have to accept ({entry.licence}): "
            f"do so at {entry.gated}, and put its authors' file for {entry.encoder}, or "
            f"{entry.files[0]} of hf-hub:{entry.hub}, at "
            f"{cache_folder() / name}{' or '.join(_BY_HAND[:2])}."
        )
    return path or hub_file(entry.repository, entry.files)


def local_file(weights: str | Path) -> Path:
    """Return weights as a path.

    Raises:
        UserError: There is no such file; the sentence names the published weights it may mean.
    """
    path = Path(weights)
    if not path.exists():
        close = get_close_matches(str(weights), [*WEIGHTS, PRETRAINED], n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UserError(
            f"The weights '{weights}' are neither 'random' nor '{PRETRAINED}' nor a file that "
            f"exists, nor a name that 'twinlens weights list' shows.{hint}"
        )
    return path


def _difference(encoder: Encoder, path: Path, entry: Published) -> str:
    """Describe how a file differs from the published one, or return an empty string."""
    size = path.stat().st_size
    if entry.size not in (None, size):
        return f"it has {size} bytes instead of {entry.size}"
    digest = sha256(path)[: len(entry.sha256)]
    if digest != entry.sha256:
        return f"its sha256 begins with {digest[:8]} instead of {entry.sha256[:8]}"
    try:
        _, matched = fit(encoder, read_tensors(path))
    except UserError as error:
        return str(error).removesuffix(".")
    if entry.total is not None and abs(matched.total - entry.total) > SUM_TOLERANCE:
        return f"its parameters sum to {matched.total:.4f} instead of {entry.total:.4f}"
    return matched.problems
