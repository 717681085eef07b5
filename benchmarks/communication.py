"""What a step of pretraining on several devices sends, and how long that takes on common links.

From the root of the repository:

    python benchmarks/communication.py

Counted, not measured. DDP sums the gradients of all trained parameters, in fp32; the losses gather
the embeddings of both views, whose gradients need no way back. In a ring of n devices each sends
2 (n - 1) / n times what is summed, and (n - 1) / n times what is gathered: here n = 8. Where a step
computes for less time than its link sends, more devices do not help. Writes
results/communication.json.
"""

from itertools import product

from in_turns import write_rows
from torch import nn

from twinlens.models.encoders import build_encoder
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.networks import SiameseNetwork

DEVICES, FLOAT, MIB = 8, 4, 2**20
LINKS = {"1 Gbit/s": 1e9 / 8, "10 Gbit/s": 1e10 / 8, "100 Gbit/s": 1e11 / 8, "NVLink": 4.5e11}
ENCODERS = {"resnet18": 256, "resnet50": 128}
"""Encoders, and images a step on each device."""

METHODS_SHOWN = ("barlow_twins", "byol")
PROJECTORS = ((1024, 1024, 1024), (8192, 8192, 8192))


def trained(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def network_of(encoder: str, method: str, projector: tuple[int, ...]) -> SiameseNetwork:
    settings = configure("recommended", {"method": method, "projector": projector}, where="")
    return METHODS[method].network(build_encoder(encoder, 0), settings, 0)


def row(encoder: str, method: str, projector: tuple[int, ...]) -> dict[str, object]:
    network = network_of(encoder, method, projector)
    share = (DEVICES - 1) / DEVICES
    embeddings = 2 * ENCODERS[encoder] * DEVICES * projector[-1]
    summed = 2 * share * FLOAT * trained(network)
    gathered = share * FLOAT * embeddings
    sent = summed + gathered
    found: dict[str, object] = {"encoder": encoder, "method": method, "projector": projector[-1]}
    found |= {"images a device": ENCODERS[encoder]}
    found |= {"gradients_mib": round(summed / MIB), "embeddings_mib": round(gathered / MIB)}
    found |= {f"ms, {link}": round(1000 * sent / speed, 1) for link, speed in LINKS.items()}
    print(found)
    return found


def main() -> None:
    rows = [row(*case) for case in product(ENCODERS, METHODS_SHOWN, PROJECTORS)]
    write_rows(rows, "communication", unit="sent by each of 8 devices a step", packages=["torch"])


if __name__ == "__main__":
    main()
