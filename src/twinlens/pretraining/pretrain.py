"""Self-supervised pretraining of an encoder on images whose labels are not looked at."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
from lightning_fabric import Fabric

from twinlens.console import say
from twinlens.data.class_subset import open_task
from twinlens.data.dataset import Dataset
from twinlens.data.provenance import refuse_other_split, transductive
from twinlens.engine.device import make_fabric
from twinlens.engine.distributed import check_batch, launch
from twinlens.engine.environment import describe_environment
from twinlens.engine.loggers import check_loggers, logging
from twinlens.engine.run_folder import describe_data, finish, running
from twinlens.engine.timing import scaled, visible_split
from twinlens.inference.embed import embed_rows
from twinlens.models.encoders import NOT_NORMALISED, build_encoder
from twinlens.models.tensor_files import save_tensors
from twinlens.models.weights import load_weights
from twinlens.parquet import write_table
from twinlens.pretraining.card import metadata, write_card
from twinlens.pretraining.embedding_snapshot import sample, write_snapshot
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.job import Job
from twinlens.pretraining.monitor import BEST, MONITOR
from twinlens.pretraining.partners import find_partners
from twinlens.pretraining.phases import run_phases
from twinlens.pretraining.pretrained_encoder import ENCODER
from twinlens.pretraining.preview import write_views
from twinlens.pretraining.seen_images import SEEN, describe_images, look_for_seen, read_seen
from twinlens.pretraining.validate import check_views, resolve_settings
from twinlens.pretraining.verdict import verdict
from twinlens.records.monitor import MonitorRecord
from twinlens.records.run import PretrainRun, StoredPretraining
from twinlens.records.weights import Normalisation, TrainedOn
from twinlens.requests.base import accepts
from twinlens.requests.pretrain import PretrainRequest
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Rows


@accepts(PretrainRequest)
def pretrain(request: PretrainRequest) -> Path:
    """Pretrain an encoder: first the projector alone, then all of it with one-cycle.

    The folder made holds encoder.safetensors and its card (README.md), run.json, history.parquet,
    lr_finder.json, monitor.json, seen_images.parquet, views.png, and what changed:
    embedding.parquet, neighbours.json and neighbours.png. The csv logger adds history.csv and
    monitor.csv.

    Returns:
        The folder `out`.
    """
    config = resolve_settings(request.preset, request.changed_settings(), request.images)
    check_loggers(request.loggers)
    devices, nodes = request.devices, request.nodes
    fabric = make_fabric(config.precision, request.device, devices=devices, nodes=nodes)
    check_batch(config.batch_size, devices * nodes)
    launch(fabric, partial(_pretrain, request=request, config=config))
    return Path(request.out)


def _pretrain(fabric: Fabric, *, request: PretrainRequest, config: Pretraining) -> None:
    """Pretrain in each process; the first one evaluates and writes."""
    began, seed, out = time.monotonic(), request.seed, Path(request.out)
    data, split = open_task(request.dataset, request.split, config.classes)
    split = visible_split(split)
    encoder, side = build_encoder(request.encoder, seed), config.image_size or data.size
    initial = load_weights(encoder, request.weights)
    plan = check_views(config, encoder, data)
    refuse_other_split(data, split, initial.history, what=request.weights)
    initial = look_for_seen(initial, Path(request.weights).parent, data, split)
    seen = TrainedOn(
        data_hash=data.hash, split_hash=split.hash, transductive=request.images == "all"
    )
    history = (seen, *initial.history)
    notice = transductive(history)
    if notice:
        say(f"{notice} Every report of what starts from it will say so.")
    rows = IMAGES[request.images].rows(split)
    partners = find_partners(config, data, rows)
    start = {
        "kind": "pretrain",
        "encoder": request.encoder,
        "images": request.images,
        "preset": request.preset,
        "seed": seed,
        "initial_weights": initial.model_dump(mode="json"),
        "data_hash": data.hash,
        "split_hash": split.hash,
    }
    how = {"overwrite": request.overwrite, "resume": request.resume}
    settings = start | config.model_dump(by_alias=True, mode="json")
    with running(fabric, out, start | config.determining(), **how) as folder:
        if not config.normalise:
            encoder.mean, encoder.std = NOT_NORMALISED
        encoder.to(fabric.device)
        shown = sample(data, split, rows, seed)
        features = partial(embed_rows, encoder, data, shown, fabric, size=side)
        before = features() if fabric.is_global_zero else None
        job = Job(encoder, data, split, rows, config, fabric, folder, seed, partners)
        with logging(fabric, request.loggers, folder, out.name, settings):
            steps = run_phases(job)
        if before is None:
            return
        monitor = MonitorRecord.read(folder / MONITOR)
        record = PretrainRun(
            request=request,
            settings=StoredPretraining.of(config),
            seed=seed,
            initial_weights=initial,
            normalisation=Normalisation(mean=encoder.mean, std=encoder.std),
            recipes=tuple(views.recipe for views in plan),
            images=len(rows),
            paired=partners.paired if partners else None,
            transductive=notice is not None,
            verdict=verdict(monitor),
            kept=monitor.kept,
            stopped=monitor.stopped,
            data=describe_data(data, split),
            environment=describe_environment(fabric),
            command=replace(request, split=split.name).command_line(),
        )
        save_tensors(folder / ENCODER, encoder.state_dict(), metadata(record, history))
        _write_seen(folder, data, rows, request.weights)
        write_views(folder / "views.png", data, rows, config, seed=seed)
        after = features()
        scaled(
            lambda n: write_snapshot(folder, before[:n], after[:n], shown[:n], data, seed=seed),
            len(shown),
        )
        write_card(folder, record)
        finish(folder, record, steps, began=began, images_per_step=config.batch_size)
        (folder / BEST).unlink(missing_ok=True)  # not earlier: resuming needs it
        say(" ".join(record.verdict))


def _write_seen(folder: Path, data: Dataset, rows: Rows, weights: str) -> None:
    """Write which images this pretraining saw, and those before it that its weights come from."""
    own = scaled(lambda size: describe_images(data, rows[:size]), len(rows))
    before = read_seen(Path(weights).parent) if weights != "random" else None
    write_table(folder / SEEN, pd.concat([own, before]))
