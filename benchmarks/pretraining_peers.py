"""One epoch of Barlow Twins on a folder of JPEG files, as others' documentation has it.

Each function returns a task for in_turns.py. `work` has the folder, the network's name in
torchvision, the size of the views, that of the stored images, the batch and the steps of an epoch.
"""

import lightning
import stable_pretraining as spt
import torch
from fastai.vision.all import (
    CategoryBlock,
    DataBlock,
    ImageBlock,
    Learner,
    RandomSplitter,
    Resize,
    get_image_files,
)
from lightly.data import LightlyDataset
from lightly.loss import BarlowTwinsLoss
from lightly.models.modules import BarlowTwinsProjectionHead
from lightly.transforms import BYOLTransform, BYOLView1Transform, BYOLView2Transform
from self_supervised.augmentations import get_kornia_batch_augs
from self_supervised.layers import create_mlp_module
from self_supervised.vision.barlow_twins import BarlowTwins, BarlowTwinsModel
from stable_pretraining.data import transforms
from stable_pretraining.forward import barlow_twins
from torch import nn
from torchvision import models
from torchvision.datasets import ImageFolder

WIDTHS = (1024, 1024, 1024)
"""Of the projector, as our default."""


def backbone(name):
    network = getattr(models, name)(weights=None)
    dim = network.fc.in_features
    network.fc = nn.Identity()
    return network, dim


def lightly_epoch(
    encoder, dim, folder, *, size, batch, device="cpu", bf16=False, workers=0, **transform
):
    """Return a function that trains one epoch by the loop of lightly's example."""
    network = nn.Sequential(encoder, BarlowTwinsProjectionHead(dim, WIDTHS[0], WIDTHS[-1]))
    network.to(device)
    views = BYOLTransform(
        view_1_transform=BYOLView1Transform(input_size=size, **transform),
        view_2_transform=BYOLView2Transform(input_size=size, **transform),
    )
    loader = torch.utils.data.DataLoader(
        LightlyDataset(folder, transform=views), batch_size=batch, shuffle=True, drop_last=True,
        num_workers=workers,
    )  # fmt: skip
    criterion = BarlowTwinsLoss()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.06)

    def epoch():
        network.train()
        for images in loader:
            first, second = (view.to(device) for view in images[0])
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                loss = criterion(network(first), network(second))
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()

    return epoch


def lightly(work):
    """Return a task: an epoch of lightly's example."""
    epoch = lightly_epoch(
        *backbone(work.network),
        work.folder / "jpeg",
        size=work.size,
        batch=work.batch,
        bf16=work.bf16,
    )

    def task():
        epoch()
        return 2 * work.steps * work.batch

    return task


def self_supervised(work):
    """Train by fastai's Learner; it gets a dummy label, since without labels it has no loss."""
    encoder, dim = backbone(work.network)
    projector = create_mlp_module(dim, WIDTHS[0], WIDTHS[-1], bn=True, nlayers=3)
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_items=get_image_files,
        get_y=lambda _: "image",
        splitter=RandomSplitter(valid_pct=0),
        item_tfms=Resize(work.stored),
    )
    loaders = block.dataloaders(work.folder / "jpeg", bs=work.batch, num_workers=0)
    views = [
        get_kornia_batch_augs(work.size, rotate=False, jitter=True, bw=True, blur=blur, cuda=False)
        for blur in (True, False)
    ]
    learner = Learner(loaders, BarlowTwinsModel(encoder, projector), cbs=[BarlowTwins(views)])
    if work.bf16:
        learner.to_bf16()

    def task():
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(1, 1e-3)
        return 2 * work.steps * work.batch

    return task


def stable_pretraining(work):
    """Train by Lightning's Trainer, with the Barlow Twins of stable-pretraining and its views."""

    def view(blur, solarise):
        return transforms.Compose(
            transforms.RGB(),
            transforms.RandomResizedCrop((work.size, work.size)),
            transforms.RandomHorizontalFlip(p=0.5),
            transforms.ColorJitter(0.4, 0.4, 0.2, 0.1, p=0.8),
            transforms.RandomGrayscale(p=0.2),
            transforms.PILGaussianBlur(p=blur),
            transforms.RandomSolarize(threshold=0.5, p=solarise),
            transforms.ToImage(**spt.data.static.ImageNet),
        )

    data = spt.data.FromTorchDataset(
        ImageFolder(work.folder / "jpeg"),
        names=["image", "label"],
        transform=transforms.MultiViewTransform([view(1.0, 0.0), view(0.1, 0.2)]),
    )
    loader = torch.utils.data.DataLoader(data, work.batch, shuffle=True, drop_last=True)
    encoder, dim = backbone(work.network)
    projector = create_mlp_module(dim, WIDTHS[0], WIDTHS[-1], bn=True, nlayers=3)

    def task():
        module = spt.Module(
            forward=barlow_twins,
            backbone=encoder,
            projector=projector,
            barlow_loss=spt.losses.BarlowTwinsLoss(),
            optim={"optimizer": {"type": "AdamW", "lr": 1e-3}},
        )
        trainer = lightning.Trainer(
            max_epochs=1,
            accelerator="cpu",
            precision="bf16-mixed" if work.bf16 else "32-true",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
        )
        trainer.fit(module, loader)
        return 2 * work.steps * work.batch

    return task
