"""Loss, gradients and weights of every method, on two processes and then on one: a script.

Usage: two_processes.py DATA FOLDER. Process RANK of N writes FOLDER/N-RANK.pt. At the end all
are refused to make FOLDER, as it is there, and the script prints why.
"""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.checkpoint import load_checkpoint
from twinlens.engine.device import make_fabric
from twinlens.engine.distributed import gather, launch, shard
from twinlens.engine.loop import CHECKPOINT
from twinlens.engine.run_folder import running
from twinlens.errors import UserError
from twinlens.models.encoders import NOT_NORMALISED, Encoder
from twinlens.models.initialisation import seeded_initialisation
from twinlens.pretraining import networks
from twinlens.pretraining.job import Job
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS, byol
from twinlens.pretraining.networks import StudentTeacher
from twinlens.pretraining.phases import run_phases

sys.path.insert(0, str(Path(__file__).parents[1]))
from torchvision_shim import import_torchvision

SIZES = ((8, 3), (64, 96))
FIT = {"epochs": 2, "batch_size": 8, "projector": [8, 6], "lr": 0.01, "monitor_points": 0}


class Double(nn.Module):
    def forward(self, images):
        return images.double()


def doubled(network):
    """Return a network of which everything is in double precision."""

    class Doubled(network):
        def prepare(self, *arguments):
            super().prepare(*arguments)
            self.double()

    return Doubled


def smooth(inputs, dims, *, seed, bias, name="projector"):
    """Build a projector without BatchNorm, in double precision."""
    if not dims:
        return nn.Sequential()
    with seeded_initialisation(seed, name):
        layers = nn.Linear(inputs, dims[0], bias=bias), nn.Tanh(), nn.Linear(dims[0], dims[-1])
    return nn.Sequential(*layers)


def tiny():
    """Build an encoder without BatchNorm, in double precision."""
    with seeded_initialisation(0, "tiny"):
        layers = nn.Conv2d(3, 8, 5, stride=4), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
    network = nn.Sequential(Double(), *layers)
    mean, std = NOT_NORMALISED
    return Encoder("tiny", network, feature_dim=32, mean=mean, std=std, default_size=32)


def tiny_transformer():
    """Build a vision transformer, in double precision."""
    import_torchvision()
    from timm.models import VisionTransformer

    with seeded_initialisation(0, "tiny"):
        network = VisionTransformer(
            img_size=32, patch_size=8, embed_dim=16, depth=1, num_heads=2, num_classes=0
        )
    network.patch_embed.register_forward_pre_hook(lambda _, images: (images[0].double(),))
    mean, std = NOT_NORMALISED
    return Encoder("tiny", network, feature_dim=16, mean=mean, std=std, default_size=32)


def gradients(fabric, method, n, d):
    """Return the loss, and the gradient with respect to this process' part of each output."""
    source, count = torch.Generator().manual_seed(0), 2
    if issubclass(METHODS[method].network, StudentTeacher):
        count = 4  # of which the teacher's two have no gradient
    outputs = [torch.randn(n, d, generator=source, dtype=torch.float64) for _ in range(count)]
    parts = [shard(fabric, z).clone().requires_grad_(i < 2) for i, z in enumerate(outputs)]
    config = configure("recommended", {"method": method}, where="")
    torch.manual_seed(0)  # as the training loop does at each step
    outputs = tuple(map(gather, parts))
    if method == "mae":
        outputs = tuple(z[:, None] for z in outputs)
    if method == "diet":
        outputs = (*outputs, torch.arange(n) % d)
    loss, _ = METHODS[method].loss(*outputs, config)
    loss.backward()
    return {"loss": loss.detach(), "gradients": [z.grad / fabric.world_size for z in parts[:2]]}


def trained(fabric, method, dataset, folder):
    """Return losses and weights of a pretraining of two phases, teacher included."""
    data, encoder = open_dataset(dataset), tiny_transformer() if method == "mae" else tiny()
    split = open_split(data)
    folder = folder / f"{fabric.world_size}-{method}"
    folder.mkdir(exist_ok=True)
    settings = FIT | {"method": method}
    if not METHODS[method].settings().projector:
        del settings["projector"]
    config = configure("recommended", settings, where="")
    history = run_phases(Job(encoder, data, split, split.rows["train"], config, fabric, folder, 0))
    fabric.barrier()
    network = load_checkpoint(folder / CHECKPOINT)["module"]
    return {"losses": history["loss"].tolist(), "own": encoder.state_dict(), "network": network}


def measure(fabric, dataset, folder):
    networks.projector = byol.projector = smooth
    for method in METHODS:
        network = doubled(METHODS[method].network)
        METHODS._loaded[method] = replace(METHODS[method], network=network)
    found = {
        method: {
            "sizes": {size: gradients(fabric, method, *size) for size in SIZES},
            "trained": trained(fabric, method, dataset, folder),
        }
        for method in METHODS
    }
    torch.save(found, folder / f"{fabric.world_size}-{fabric.global_rank}.pt")
    with running(fabric, folder, {}, overwrite=False, resume=False):
        raise AssertionError("not refused")


if __name__ == "__main__":
    for devices in (2, 1):
        fabric = make_fabric("fp32", "cpu", devices=devices)
        try:
            launch(fabric, partial(measure, dataset=Path(sys.argv[1]), folder=Path(sys.argv[2])))
        except UserError as error:
            print(error)
