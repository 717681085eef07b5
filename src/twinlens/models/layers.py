"""How deep in an encoder each parameter lies, as layer-wise learning rates need it."""

import re

from twinlens.errors import require
from twinlens.models.encoders import Encoder

_BLOCK = re.compile(r"network\.(layer\d+\.\d+)\.")


def layer_depths(encoder: Encoder) -> dict[str, int]:
    """Return the depth of every parameter, by its name in ``encoder.named_parameters()``.

    0 is the stem with the embeddings, then each block adds 1; what follows the last block, such as
    the final normalisation, counts to it or comes after it. The groups of timm's networks are
    timm's own; those of ours are the residual blocks.
    """
    names = [name for name, _ in encoder.named_parameters()]
    matcher = getattr(encoder.network, "group_matcher", None)
    if matcher is not None:
        group = require("timm.models", extra="timm").group_parameters
        depths = group(encoder.network, matcher(coarse=False), reverse=True)
        return {name: depths[name.removeprefix("network.")] for name in names}
    found = {name: match[1] for name in names if (match := _BLOCK.match(name))}
    blocks = list(dict.fromkeys(found.values()))
    return {name: 1 + blocks.index(found[name]) if name in found else 0 for name in names}
