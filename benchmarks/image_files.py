"""Importing and predicting JPEG files: images per second, beside Pillow and the bare network.

From the root of the repository:

    OMP_NUM_THREADS=1 python benchmarks/image_files.py [ROUNDS]

Import: 200 photographs of 1,024 pixels to 256 pixels, against a loop of Pillow that resizes them
into one array, with full and with reduced decoding (`draft`, which ours uses too). Predict: 200
photographs of 448 pixels with a ResNet-18 at 224 pixels, as a bundle, against the bare forward pass
of the network on images that lie ready; and onnxruntime alone. In turns, with one thread; processor
time counts. Writes results/image_files.json.

With --cores N after ROUNDS, on an otherwise idle machine: the import alone, by the clock, ours and
Pillow's loop with a process for each core. Writes results/import-N-cores.json.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from in_turns import compared, rates, write_rows
from PIL import Image
from served import make_bundle

import twinlens
from twinlens.phantom.generate import phantom_image

COUNT, LARGE, PACKED, PHOTOGRAPH, SIZE, BATCH = 200, 1024, 256, 448, 224, 64


def store(folder, side):
    """Write photographs of a size, eight different ones in turn."""
    folder.mkdir()
    drawn = [Image.fromarray(phantom_image(0, lesion, 0, size=side)) for lesion in range(8)]
    for number in range(COUNT):
        drawn[number % len(drawn)].save(folder / f"{number}.jpg", quality=90)
    return sorted(folder.iterdir())


def shrink(paths, *, draft):
    """Return photographs as one array."""
    images = np.empty((len(paths), PACKED, PACKED, 3), np.uint8)
    for row, path in enumerate(paths):
        with Image.open(path) as image:
            if draft:
                image.draft("RGB", (PACKED, PACKED))
            small = image.convert("RGB").resize((PACKED, PACKED), Image.Resampling.BILINEAR)
        images[row] = np.asarray(small)
    return images


def pillow(paths, pool, cores, *, draft):
    """Return a task that shrinks photographs here, or a share of them in each process."""

    def task():
        parts = [paths[start::cores] for start in range(cores)]
        each = pool.map if pool else map
        return sum(map(len, each(partial(shrink, draft=draft), parts)))

    return task


def importing(folder, paths, pool=None, cores=1):
    def ours():
        twinlens.import_images(
            folder,
            folder.parent / "data",
            kind="unlabelled",
            size=PACKED,
            workers=cores,
            overwrite=True,
        )
        return COUNT

    return {
        "Twinlens": ours,
        "Pillow": pillow(paths, pool, cores, draft=False),
        "Pillow, reduced decoding": pillow(paths, pool, cores, draft=True),
    }


def predicting(paths, folder):
    model = make_bundle(folder / "model", "resnet18", SIZE)
    onnx = twinlens.export(model, folder / "model.onnx").path
    session = onnxruntime.InferenceSession(onnx, _one_thread())
    network, _transform = twinlens.load_model(model)
    images = torch.rand(BATCH, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    batches = COUNT // BATCH

    def ours():
        twinlens.predict(model, paths, workers=1, device="cpu")
        return COUNT

    def torch_alone():
        with torch.inference_mode():
            for _ in range(batches):
                network(images)
        return batches * BATCH

    def onnx_alone():
        for _ in range(batches):
            session.run(None, {"images": images.contiguous().numpy()})
        return batches * BATCH

    return {"Twinlens": ours, "torch, bare": torch_alone, "onnxruntime, bare": onnx_alone}


def _one_thread():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return options


def import_on(cores, rounds):
    with TemporaryDirectory() as name, ProcessPoolExecutor(cores) as pool:
        folder = Path(name) / "large"
        tasks = importing(folder, store(folder, LARGE), pool, cores)
        rows = compared(rates(tasks, rounds), "Twinlens")
    unit = f"images per second of {cores} cores"
    write_rows(rows, f"import-{cores}-cores", unit=unit, packages=["pillow"])


def main() -> None:
    rounds = int((sys.argv[1:2] or [5])[0])
    torch.set_num_threads(1)
    if sys.argv[2:3] == ["--cores"]:
        import_on(int(sys.argv[3]), rounds)
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        tasks = {
            "import": importing(folder / "large", store(folder / "large", LARGE)),
            "predict": predicting(store(folder / "photographs", PHOTOGRAPH), folder),
        }
        rows = [
            {"what": what} | row
            for what, each in tasks.items()
            for row in compared(rates(each, rounds, time.process_time), "Twinlens")
        ]
    write_rows(
        rows,
        "image_files",
        unit="images per second of one core",
        packages=("torch", "onnxruntime", "pillow"),
    )


if __name__ == "__main__":
    main()
