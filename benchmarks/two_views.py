"""Two views of each image: ours against lightly (Pillow), torchvision v2 and Kornia (tensors).

From the root of the repository, in the second environment (make peers):

    PYTHONPATH=src:tests/peers .venv-peers/bin/python benchmarks/two_views.py [ROUNDS]

All draw the two BYOL views (crop, flip, colour, grey, blur, solarising) of the same 256 synthetic
images of 96 pixels, at 64 pixels, in one process with one thread; processor time counts. Images
lie decoded in memory: as uint8 tensors, and as Pillow images for lightly. Ours and Kornia take
batches of 128, lightly and torchvision one image after another, as they are made for: on a batch,
torchvision would change all images alike. Writes results/two_views.json.
"""

import sys
import time

import kornia.augmentation as K  # noqa: N812, its documentation's own name
import numpy as np
import torch
from in_turns import compared, rates, write_rows
from lightly.transforms import BYOLTransform, BYOLView1Transform, BYOLView2Transform
from PIL import Image
from torchvision.transforms import v2

from twinlens.phantom.generate import phantom_image
from twinlens.views.recipes import named_pair
from twinlens.views.view import PlannedViews, planned_views

COUNT, BATCH, STORED, SIZE = 256, 128, 96, 64


def ours(images):
    plan = tuple(PlannedViews(recipe, SIZE) for recipe in named_pair("official", {}))

    def task():
        for start in range(0, COUNT, BATCH):
            rows = np.arange(start, start + BATCH)
            batch = images[start : start + BATCH].float().div(255)
            planned_views(batch, rows, plan=plan, seed=0, step=start)
        return 2 * COUNT

    return task


def lightly(images):
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    views = BYOLTransform(BYOLView1Transform(input_size=SIZE), BYOLView2Transform(input_size=SIZE))

    def task():
        for picture in pictures:
            views(picture)
        return 2 * COUNT

    return task


def torchvision(images):
    def recipe(blurred, solarised):
        return v2.Compose(
            [
                v2.RandomResizedCrop(SIZE, scale=(0.08, 1.0), antialias=True),
                v2.RandomHorizontalFlip(0.5),
                v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.2, 0.1)], 0.8),
                v2.RandomGrayscale(0.2),
                v2.RandomApply([v2.GaussianBlur(7, (0.1, 2.0))], blurred),
                v2.RandomSolarize(128, solarised),
                v2.ToDtype(torch.float32, scale=True),
            ]
        )

    recipes = recipe(1.0, 0.0), recipe(0.1, 0.2)

    def task():
        for image in images:
            for draw in recipes:
                draw(image)
        return 2 * COUNT

    return task


def kornia(images):
    def recipe(blurred, solarised):
        return torch.nn.Sequential(
            K.RandomResizedCrop((SIZE, SIZE), scale=(0.08, 1.0)),
            K.RandomHorizontalFlip(p=0.5),
            K.ColorJitter(0.4, 0.4, 0.2, 0.1, p=0.8),
            K.RandomGrayscale(p=0.2),
            K.RandomGaussianBlur((7, 7), (0.1, 2.0), p=blurred),
            K.RandomSolarize(p=solarised),
        )

    recipes = recipe(1.0, 0.0), recipe(0.1, 0.2)

    def task():
        for start in range(0, COUNT, BATCH):
            batch = images[start : start + BATCH].float().div(255)
            for draw in recipes:
                draw(batch)
        return 2 * COUNT

    return task


def main() -> None:
    rounds = int((sys.argv[1:2] or [5])[0])
    torch.set_num_threads(1)
    pixels = np.stack([phantom_image(0, lesion, 0, size=STORED) for lesion in range(COUNT)])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    tasks = {
        "Twinlens": ours(images),
        "lightly": lightly(images),
        "torchvision v2": torchvision(images),
        "Kornia": kornia(images),
    }
    write_rows(
        compared(rates(tasks, rounds, time.process_time), "Twinlens"),
        "two_views",
        unit="views per second of one core",
        packages=("torch", "lightly", "torchvision", "kornia"),
    )


if __name__ == "__main__":
    main()
