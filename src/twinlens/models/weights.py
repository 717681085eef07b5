"""Initial weights of an encoder: from a file, or published ones by name."""

from difflib import get_close_matches
from pathlib import Path

from twinlens.console import say
from twinlens.errors import UserError
from twinlens.files import sha256
from twinlens.models.download import cache_folder, download
from twinlens.models.encoders import Encoder
from twinlens.models.match import describe_match, match
from twinlens.models.published import SUM_TOLERANCE, WEIGHTS, Published
from twinlens.models.tensor_files import read_header, read_tensors
from twinlens.records.weights import InitialWeights


def load_weights(encoder: Encoder, weights: str | Path) -> InitialWeights:
    """Load initial weights into an encoder, whole or not at all.

    Args:
        encoder: Changed in place; published weights and files of a pretraining bring their
            normalisation.
        weights: ``"random"`` (the encoder stays as it was built), a name in `WEIGHTS`, or a file:
            .safetensors, or one of torch.save (.pth, .pt, .ckpt, .bin, .torch, .pth.tar) that
            holds tensors, nested at will, and options as plain values.

    Raises:
        UserError: The file cannot be obtained or read, or does not fit the encoder.
    """
    if str(weights) == "random":
        return InitialWeights(name="random")
    path = weight_file(encoder, weights)
    matched = match(encoder, read_tensors(path))
    if matched.problems:
        raise UserError(
            f"{path} does not fit the encoder {encoder.name}: {matched.problems}. "
            "Choose the encoder that the weights were made for, or other weights."
        )
    header = read_header(path)
    # Strict but for num_batches_tracked, which BatchNorm fills in where an old file lacks it.
    encoder.load_state_dict(matched.tensors)
    source = WEIGHTS.get(str(weights)) or (header and header.normalisation)
    if source:
        encoder.mean, encoder.std = source.mean, source.std
    say(f"{path.name}: {describe_match(encoder, matched)}")
    return InitialWeights(
        name=str(weights),
        sha256=sha256(path),
        matched=len(matched.tensors),
        dropped=tuple(matched.dropped),
        history=header.history if header else (),
    )


def weight_file(encoder: Encoder, weights: str | Path) -> Path:
    """Return the file of the weights; published ones are downloaded where they are missing.

    Raises:
        UserError: There is no such file, or it is not what was published for the encoder.
    """
    entry = WEIGHTS.get(str(weights))
    if entry is None:
        return _local_file(weights)
    if entry.encoder != encoder.name:
        raise UserError(
            f"The weights '{weights}' are for the encoder {entry.encoder}, not {encoder.name}: "
            f"choose --encoder {entry.encoder}, or other weights."
        )
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
    """Return where the file of published weights lies, or is to be put."""
    return cache_folder() / f"{name}{Path(WEIGHTS[name].address).suffix}"


def _local_file(weights: str | Path) -> Path:
    path = Path(weights)
    if not path.exists():
        close = get_close_matches(str(weights), WEIGHTS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UserError(
            f"The weights '{weights}' are neither 'random' nor a file that exists, nor a name that "
            f"'twinlens weights list' shows.{hint}"
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
        matched = match(encoder, read_tensors(path))
    except UserError as error:
        return str(error).removesuffix(".")
    if entry.total is not None and abs(matched.total - entry.total) > SUM_TOLERANCE:
        return f"its parameters sum to {matched.total:.4f} instead of {entry.total:.4f}"
    return matched.problems
