"""Self-supervised pretraining of an encoder on images whose labels are not looked at."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from twinlens.console import say
from twinlens.data.class_subset import open_task
from twinlens.data.provenance import refuse_other_split, transductive
from twinlens.engine.device import environment, make_fabric
from twinlens.engine.distributed import check_batch, launch
from twinlens.engine.loggers import check_loggers, logging
from twinlens.engine.run_folder import command, describe_data, finish, running
from twinlens.files import read_json
from twinlens.inference.predict import embed_rows
from twinlens.models.encoders import NOT_NORMALISED, build_encoder, check_size
from twinlens.models.weights import load_weights, save_tensors
from twinlens.pretraining.card import metadata, write_card
from twinlens.pretraining.embedding_snapshot import sample, write_evidence
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.monitor import BEST, MONITOR
from twinlens.pretraining.phases import fit
from twinlens.pretraining.pretrained_encoder import ENCODER
from twinlens.pretraining.preview import write_views
from twinlens.pretraining.validate import resolve_settings
from twinlens.pretraining.verdict import verdict
from twinlens.records.weights import TrainedOn
from twinlens.settings.pretraining import Pretraining
from twinlens.views.recipes import named_pair


def pretrain(
    dataset: Path | str,
    out: Path | str,
    *,
    encoder: str = "resnet50",
    weights: str = "random",
    images: str = "unlabelled",
    preset: str = "recommended",
    settings: dict[str, Any] | None = None,
    split: str | None = None,
    seed: int = 0,
    device: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    loggers: Sequence[str] = (),
    overwrite: bool = False,
    resume: bool = False,
) -> Path:
    """Pretrain an encoder: projector alone, learning-rate finder, one-cycle.

    Args:
        dataset: Folder of an imported data set.
        out: Folder to make: encoder.safetensors and its card (README.md), run.json,
            history.parquet, lr_finder.json, monitor.json, views.png, and what changed:
            embedding.parquet, neighbours.json, neighbours.png. The csv logger adds history.csv
            and monitor.csv.
        encoder: A name in `ENCODERS`, or ``timm/NAME``.
        weights: "random", a name in `WEIGHTS`, or a file of the encoder's weights.
        images: A name in `IMAGES`.
        preset: "recommended", "paper" or "paper-code".
        settings: What differs from the preset; "method" is a name in `METHODS`, the rest fields
            of that method's settings.
        split: Name of the split; None for the only one.
        seed: Everything random derives from it.
        device: "auto", "cpu", "cuda" or "mps".
        devices: Devices of each machine, with a process each, which runs the whole program.
        nodes: Machines; start each as torchrun or SLURM does.
        loggers: Names in `LOGGERS`, beside "csv"; they determine nothing.
        overwrite: Replace `out`.
        resume: Go on with an interrupted attempt.

    Returns:
        The folder `out`.
    """
    config = resolve_settings(preset, settings or {}, images)
    check_loggers(loggers)
    fabric = make_fabric(config.precision, device, devices=devices, nodes=nodes)
    check_batch(config.batch_size, devices * nodes)
    request = {
        "kind": "pretrain",
        "encoder": encoder,
        "weights": weights,
        "images": images,
        "preset": preset,
        **config.model_dump(by_alias=True, mode="json"),
        "seed": seed,
    }
    again = partial(
        command,
        "pretrain",
        dataset,
        out,
        settings,
        encoder=encoder,
        weights=weights,
        images=images,
        preset=preset,
        seed=seed,
        devices=devices if devices > 1 else None,
        nodes=nodes if nodes > 1 else None,
    )
    work = partial(
        _pretrain,
        dataset=Path(dataset),
        out=Path(out),
        config=config,
        request=request,
        split=split,
        again=again,
        loggers=loggers,
        overwrite=overwrite,
        resume=resume,
    )
    launch(fabric, work)
    return Path(out)


def _pretrain(
    fabric: Fabric,
    *,
    dataset: Path,
    out: Path,
    config: Pretraining,
    request: dict[str, Any],
    split: str | None,
    again: Callable[..., str],
    loggers: Sequence[str],
    overwrite: bool,
    resume: bool,
) -> None:
    """Do it, in each process; the first one measures and writes."""
    began, seed, images = time.monotonic(), request["seed"], request["images"]
    data, chosen = open_task(dataset, split, config.classes)
    network = build_encoder(request["encoder"], seed)
    loaded = load_weights(network, request["weights"])
    check_size(network, data.images.shape[1])
    refuse_other_split(data, chosen, loaded.history, what=request["weights"])
    initial = loaded.model_dump(mode="json")
    seen = TrainedOn(
        data_hash=data.hash, split_hash=chosen.hash, transductive=request["images"] == "all"
    )
    history = (seen, *loaded.history)
    request = request | {
        "initial_weights": initial,
        "data_hash": data.hash,
        "split_hash": chosen.hash,
    }
    notice = transductive(history)
    if notice:
        say(f"{notice} Every report of what starts from it will say so.")
    rows = IMAGES[images].rows(chosen)
    looking = {*config.model_dump(by_alias=True)} - {*config.determining()}
    identity = {key: value for key, value in request.items() if key not in looking}
    with running(fabric, out, identity, overwrite=overwrite, resume=resume) as folder:
        if not config.normalise:
            network.mean, network.std = NOT_NORMALISED
        network.to(fabric.device)
        some = sample(data, chosen, rows, seed)
        features = partial(embed_rows, network, data, some, fabric)
        before = features() if fabric.is_global_zero else None
        with logging(fabric, loggers, folder, out.name, request):
            steps = fit(network, data, chosen, rows, config, fabric, folder, seed)
        if before is None:
            return
        monitor = read_json(folder / MONITOR)
        record = {
            "kind": "pretrain",
            "seed": seed,
            "config": request,
            "weights": initial,
            "normalisation": {"mean": network.mean, "std": network.std},
            "recipes": [
                recipe.model_dump(mode="json")
                for recipe in named_pair(config.views, config.view_changes)
            ],
            "images": len(rows),
            "transductive": notice is not None,
            "verdict": verdict(monitor),
            "kept": monitor["kept"],
            "stopped": monitor["stopped"],
            "environment": environment(fabric),
            "data": describe_data(data, chosen),
            "command": again(split=chosen.name),
        }
        save_tensors(folder / ENCODER, network.state_dict(), metadata(record, history))
        write_views(folder / "views.png", data, rows, config, seed=seed)
        write_evidence(folder, before, features(), some, data, seed=seed)
        write_card(folder, record)
        finish(folder, record, steps, began=began, images_per_step=config.batch_size)
        (folder / BEST).unlink(missing_ok=True)  # not earlier: resuming needs it
        say(" ".join(record["verdict"]))
