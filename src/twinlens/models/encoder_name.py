"""The name of an encoder: a network, what its features are, and the side that images are given."""

import re
from dataclasses import dataclass

POOLINGS = ("cls", "mean", "cls+mean")
"""What a vision transformer's features are, where a name says it."""

_NAME = re.compile(r"(?P<network>.+?)(:(?P<pooling>cls|mean|cls\+mean))?(:(?P<side>[1-9]\d*))?")


@dataclass(frozen=True)
class EncoderName:
    """The parts of a name such as ``timm/vit_small_patch14_dinov2.lvd142m:cls+mean:224``.

    Attributes:
        network: A name in `ENCODERS`, ``timm/NAME`` or ``hf-hub:OWNER/NAME``.
        pooling: One of `POOLINGS`; None for the network's own.
        side: Side in pixels that images are resized to; None for as they are.
    """

    network: str
    pooling: str | None = None
    side: int | None = None


def parse_name(name: str) -> EncoderName:
    """Split the name of an encoder into its parts."""
    found = _NAME.fullmatch(name)
    if found is None:  # an empty name, which is no encoder's
        return EncoderName(name)
    side = found["side"]
    return EncoderName(found["network"], found["pooling"], int(side) if side else None)
