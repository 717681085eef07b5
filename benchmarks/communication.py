"""What a step of pretraining on several devices sends, and when that takes longer than the step.

From the root of the repository:

    PYTHONPATH=src:tests/peers python benchmarks/communication.py

Counted, not measured. DDP sums the gradients of all trained parameters, in fp32. A method whose
loss compares images gathers the networks' outputs for all views, whose gradients need no way back;
one whose loss is a mean over images gathers nothing. In a ring of n devices each sends 2 (n - 1) /
n times what is summed, and (n - 1) / n times what is gathered: here n = 8. A device that could
train on more images a second than a link's column says waits for that link: more devices then do
not help. Views are those of each method's default settings. Writes results/communication.json.
"""

import numpy as np
import torch
from in_turns import write_rows
from torch import nn

from twinlens.models.encoders import build_encoder
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.networks import SiameseNetwork

DEVICES, FLOAT, MIB = 8, 4, 2**20
LINKS = {"1 Gbit/s": 1e9 / 8, "10 Gbit/s": 1e10 / 8, "100 Gbit/s": 1e11 / 8, "NVLink": 4.5e11}
ENCODERS = {
    "resnet18": (64, 256),
    "resnet50": (224, 128),
    "timm/vit_small_patch16_224": (224, 128),
}
"""Encoders; side of the images in pixels, and images a step on each device."""

IMAGES = 20_000
"""Of the pretraining: DIET has an output for each."""

WIDE = (8192, 8192, 8192)


def trained(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


@torch.no_grad()
def gathered_of(network: SiameseNetwork, method: str, settings, size: int) -> int:
    """Return how many numbers an image adds to what is gathered, from the outputs for two."""
    if METHODS[method].per_image:
        return 0
    plan = METHODS[method].views(settings, size)
    views = [torch.rand(2, 3, v.size, v.size) for v in plan for _ in range(v.count)]
    network.at_step(np.arange(2), seed=0, step=0)
    return sum(output[0].numel() for output in network(*views))


def row(encoder: str, method: str, **changes) -> dict[str, object]:
    size, images = ENCODERS[encoder]
    settings = configure("recommended", {"method": method} | changes, where="")
    network = METHODS[method].network(build_encoder(encoder, 0), settings, 0)
    network.prepare(np.arange(IMAGES), np.arange(IMAGES), 0)
    share = (DEVICES - 1) / DEVICES
    summed = 2 * share * FLOAT * trained(network)
    gathered = share * FLOAT * images * DEVICES * gathered_of(network, method, settings, size)
    sent = summed + gathered
    widths = "-".join(map(str, settings.projector)) or "none"
    found: dict[str, object] = {"encoder": encoder, "method": method, "projector": widths}
    found |= {"images a device": images}
    found |= {"gradients_mib": round(summed / MIB), "outputs_mib": round(gathered / MIB)}
    for link, speed in LINKS.items():
        found |= {f"ms, {link}": float(f"{1000 * sent / speed:.3g}")}
        found |= {f"images/s, {link}": float(f"{images * speed / sent:.3g}")}
    print(found, flush=True)
    return found


def main() -> None:
    rows = []
    for encoder in ENCODERS:
        for method in METHODS:
            if method == "mae" and not encoder.startswith("timm/"):
                continue
            rows.append(row(encoder, method))
            if method == "barlow_twins":
                rows.append(row(encoder, method, projector=WIDE))
    write_rows(rows, "communication", unit="sent by each of 8 devices a step", packages=["torch"])


if __name__ == "__main__":
    main()
