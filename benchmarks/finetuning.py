"""Fine-tuning from a cold start to a scored model: ours, the limit, fastai and a loop with timm.

From the root of the repository, in the second environment (make peers):

    PYTHONPATH=src:tests/peers .venv-peers/bin/python benchmarks/finetuning.py [ROUNDS] [--bf16]

Each is a process of its own that starts Python, trains a ResNet-18 from random weights on 640
labelled images of 64 pixels for four epochs with batches of 64, in fp32 or, where the processor has
it, all of them in bf16, with one thread, and scores 320 test images; processor time counts. fastai
and timm read JPEG files, with the augmentations of their documentation; ours reads a packed data
set, and once more imports the JPEG files first. Ours writes a run: history, predictions, metrics,
the model and its index. The limit is the networks' time alone. Writes results/finetuning.json, or
finetuning-bf16.json.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from in_turns import compared, rates, write_rows
from PIL import Image
from start import children, process

import twinlens
from twinlens.phantom.generate import lesion_label, phantom_image

SIZE, BATCH, EPOCHS, CLASSES = 64, 64, 4, 8
TRAIN, TEST = 640, 320
BF16 = "--bf16" in sys.argv
ALONE = {"PYTHONPATH": "src"}
"""Without tests/peers, which loads torchvision when Python starts: ours and the limit need none."""


def autocast():
    return torch.autocast("cpu", torch.bfloat16, enabled=BF16)


def fastai(folder):
    from fastai.vision.all import ImageDataLoaders, Learner, accuracy, aug_transforms
    from torchvision.models import resnet18

    loaders = ImageDataLoaders.from_folder(
        folder,
        train="train",
        valid="test",
        bs=BATCH,
        num_workers=0,
        batch_tfms=aug_transforms(),
    )
    learner = Learner(loaders, resnet18(num_classes=CLASSES), metrics=accuracy)
    if BF16:
        learner.to_bf16()
    learner.fit_one_cycle(EPOCHS, 1e-3)
    print(learner.validate())


def timm(folder):
    import timm
    from timm.data import ImageDataset, create_transform
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader

    model = timm.create_model("resnet18", num_classes=CLASSES)
    size = (3, SIZE, SIZE)
    train = ImageDataset(str(folder / "train"), transform=create_transform(size, is_training=True))
    test = ImageDataset(str(folder / "test"), transform=create_transform(size))
    loader = DataLoader(train, BATCH, shuffle=True, drop_last=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, EPOCHS * len(loader))
    for _ in range(EPOCHS):
        for images, labels in loader:
            with autocast():
                loss = cross_entropy(model(images), labels)
            loss.backward()
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
    model.eval()
    with torch.inference_mode(), autocast():
        right = [(model(x).argmax(1) == y).float() for x, y in DataLoader(test, BATCH)]
    print(torch.cat(right).mean())


def limit(folder):  # noqa: ARG001
    """Take the same steps and forward passes on one batch that lies ready."""
    from torch import nn
    from torch.nn.functional import cross_entropy

    from twinlens.engine.optimiser import adamw
    from twinlens.models.encoders import build_encoder

    encoder = build_encoder("resnet18", 0)
    model = nn.Sequential(encoder, nn.Linear(encoder.feature_dim, CLASSES))
    model.to(memory_format=torch.channels_last)
    images = torch.randn(BATCH, 3, SIZE, SIZE).to(memory_format=torch.channels_last)
    labels = torch.arange(BATCH) % CLASSES
    optimiser = adamw(model, weight_decay=0.01)
    for _ in range(EPOCHS * TRAIN // BATCH):
        optimiser.zero_grad()
        with autocast():
            loss = cross_entropy(model(images), labels)
        loss.backward()
        optimiser.step()
    model.eval()
    with torch.inference_mode(), autocast():
        for _ in range(TEST // BATCH):
            model(images)


def store(folder):
    """Write the images as JPEG files, in folders of splits and classes, and as a data set."""
    parts = {"train": TRAIN, "val": CLASSES, "test": TEST}
    parts = [part for part, count in parts.items() for _ in range(count)]
    for lesion, part in enumerate(parts):
        place = folder / "jpeg" / part / lesion_label(0, lesion)
        place.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(phantom_image(0, lesion, 0, size=SIZE))
        image.save(place / f"{lesion}.jpg", quality=90)
    twinlens.import_images(folder / "jpeg", folder / "data", size=SIZE, workers=1)


def main() -> None:
    rounds = next((int(word) for word in sys.argv[1:] if word.isdigit()), 3)
    bf16 = ["--bf16"] if BF16 else []
    with TemporaryDirectory() as name:
        folder = Path(name)
        store(folder)
        cli = ("-m", "twinlens.cli")
        train = "--encoder resnet18 --lr 0.001 --tta 1 --device cpu --overwrite"
        train += f" --precision {'bf16' if BF16 else 'fp32'}"
        numbers = ("--epochs", EPOCHS, "--batch-size", BATCH, "--set", "head_epochs=0")
        ours = process(
            *cli, "train", folder / "data", "--out", folder / "run", *train.split(), *numbers,
            **ALONE,
        )  # fmt: skip
        pack = process(
            *cli, "import", folder / "jpeg", "--out", folder / "again", "--size", SIZE,
            "--workers", 1, "--overwrite", **ALONE,
        )  # fmt: skip

        def with_import():
            pack()
            return ours()

        tasks = {
            "Twinlens": ours,
            "Twinlens, with its import": with_import,
            **{
                name: process(
                    __file__, name, folder / "jpeg", *bf16, **(ALONE if name == "limit" else {})
                )
                for name in PEERS
            },
        }
        rows = compared(rates(tasks, rounds, children), "Twinlens")
    write_rows(
        [row | {"seconds": round(1 / row["per_second"], 1)} for row in rows],
        f"finetuning{'-bf16' if BF16 else ''}",
        unit="seconds of processor time",
        packages=("torch", "fastai", "timm"),
    )


PEERS = {"fastai": fastai, "timm": timm, "limit": limit}

if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:] and sys.argv[1] in PEERS:
        PEERS[sys.argv[1]](Path(sys.argv[2]))
    else:
        main()
