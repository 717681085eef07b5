"""Self-supervised pretraining of an encoder on images whose labels are not looked at."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from lightning_fabric import Fabric

from twinlens.console import say
from twinlens.data.class_subset import open_task
from twinlens.data.provenance import refuse_other_split, transductive
from twinlens.engine.device import environment, make_fabric
from twinlens.engine.distributed import check_batch, launch
from twinlens.engine.loggers import check_loggers, logging
from twinlens.engine.run_folder import describe_data, finish, running
from twinlens.engine.timing import scaled, visible_split
from twinlens.files import read_json
from twinlens.inference.embed import embed_rows
from twinlens.models.encoders import NOT_NORMALISED, build_encoder, check_size
from twinlens.models.tensor_files import save_tensors
from twinlens.models.weights import load_weights
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
from twinlens.requests.base import accepts
from twinlens.requests.pretrain import PretrainRequest
from twinlens.settings.pretraining import Pretraining
from twinlens.views.recipes import named_pair


@accepts(PretrainRequest)
def pretrain(request: PretrainRequest) -> Path:
    """Pretrain an encoder: projector alone, learning-rate finder, one-cycle.

    The folder made holds encoder.safetensors and its card (README.md), run.json, history.parquet,
    lr_finder.json, monitor.json, views.png, and what changed: embedding.parquet, neighbours.json
    and neighbours.png. The csv logger adds history.csv and monitor.csv.

    Returns:
        The folder `out`.
    """
    config = resolve_settings(request.preset, request.changed_settings(), request.images)
    check_loggers(request.loggers)
    devices, nodes = request.devices, request.nodes
    fabric = make_fabric(config.precision, request.device, devices=devices, nodes=nodes)
    check_batch(config.batch_size, devices * nodes)
    launch(fabric, partial(_pretrain, asked=request, config=config))
    return Path(request.out)


def _pretrain(fabric: Fabric, *, asked: PretrainRequest, config: Pretraining) -> None:
    """Pretrain in each process; the first one measures and writes."""
    began, seed, images, out = time.monotonic(), asked.seed, asked.images, Path(asked.out)
    request = {
        "kind": "pretrain",
        "encoder": asked.encoder,
        "weights": asked.weights,
        "images": images,
        "preset": asked.preset,
        **config.model_dump(by_alias=True, mode="json"),
        "seed": seed,
    }
    data, chosen = open_task(asked.dataset, asked.split, config.classes)
    chosen = visible_split(chosen)
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
    how = {"overwrite": asked.overwrite, "resume": asked.resume}
    with running(fabric, out, identity, **how) as folder:
        if not config.normalise:
            network.mean, network.std = NOT_NORMALISED
        network.to(fabric.device)
        some = sample(data, chosen, rows, seed)
        features = partial(embed_rows, network, data, some, fabric)
        before = features() if fabric.is_global_zero else None
        with logging(fabric, asked.loggers, folder, out.name, request):
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
            "command": replace(asked, split=chosen.name).command_line(),
        }
        save_tensors(folder / ENCODER, network.state_dict(), metadata(record, history))
        write_views(folder / "views.png", data, rows, config, seed=seed)
        after = features()
        scaled(
            lambda n: write_evidence(folder, before[:n], after[:n], some[:n], data, seed=seed),
            len(some),
        )
        write_card(folder, record)
        finish(folder, record, steps, began=began, images_per_step=config.batch_size)
        (folder / BEST).unlink(missing_ok=True)  # not earlier: resuming needs it
        say(" ".join(record["verdict"]))
