"""The card of a pretrained encoder: what it is, what it saw, how to load it, whether it helped."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

import yaml

from twinlens.files import write_text
from twinlens.models.published import WEIGHTS
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.monitor import MONITOR
from twinlens.records.monitor import MonitorRecord
from twinlens.records.run import DataSummary, PretrainRun, StoredPretraining
from twinlens.records.weights import EncoderHeader, InitialWeights, TrainedOn

CARD = "README.md"

_MEASURES = {
    "linear_probe": "linear probe, balanced accuracy",
    "knn_probe": "kNN probe, balanced accuracy",
    "feature_rank": "effective rank of the features",
    "feature_dispersion": "relative dispersion of the features (0: all images have the same)",
}

_PYTHON = """\
### With {name}

```python
{imports}
import torch
from safetensors.torch import load_file

{build}
encoder.load_state_dict(load_file("encoder.safetensors"))
encoder.eval()

mean = torch.tensor({mean}).view(3, 1, 1)
std = torch.tensor({std}).view(3, 1, 1)
with torch.no_grad():  # images: RGB in [0, 1], shape (batch, 3, {size}, {size})
    features = encoder((images - mean) / std)
```"""

_LOAD = """\
## How to load it

```sh
twinlens train DATA --out RUN --pretrained FOLDER    # FOLDER holds this card
```

Or in Python, from the file encoder.safetensors alone; `features` has one row per image."""

_LIMITS = """\
## Limits

Twinlens is research software and not a medical device. This encoder gives features, not diagnoses:
what is built on it must be tested on images that neither of them has seen. No licence is stated:
the weights derive from the images above and from the weights that it started from, whose terms
decide."""


def metadata(record: PretrainRun, history: Sequence[TrainedOn]) -> dict[str, str]:
    """Return the header of encoder.safetensors.

    Args:
        record: The run.
        history: What the weights were trained on, this pretraining first.
    """
    header = EncoderHeader(
        version=record.environment.packages["twinlens"],
        encoder=record.request.encoder,
        method=record.settings.method,
        epochs=record.settings.epochs,
        kept=record.kept,
        stopped=record.stopped,
        images=record.images,
        normalisation=record.normalisation,
        history=tuple(history),
    )
    return {"twinlens": header.model_dump_json()}


def write_card(folder: Path, record: PretrainRun) -> None:
    """Write README.md: for people, with a header that Hugging Face reads.

    It names no path of this machine, since it goes wherever the encoder goes.

    Args:
        folder: The run's folder; its monitor.json has the numbers before and after.
        record: The run.
    """
    encoder, title = record.request.encoder, METHODS[record.settings.method].title
    header = {
        "license": "unknown",
        "library_name": "twinlens",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["self-supervised-learning", "medical-imaging", title.lower().replace(" ", "-")],
    }
    parts = [
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---",
        f"# {encoder}, pretrained by {title}",
        "An encoder, from images to features: a start for classifiers that have few labels.",
        _what_it_is(record),
        _what_it_saw(record),
        _did_it_help(record, MonitorRecord.read(folder / MONITOR)),
        _how_to_load(record),
        _LIMITS,
    ]
    write_text(folder / CARD, "\n\n".join(parts) + "\n")


def _what_it_is(record: PretrainRun) -> str:
    config, environment = record.settings, record.environment
    method = METHODS[config.method]
    changes = ", ".join(f"{key}={value}" for key, value in config.view_changes.items())
    rows = {
        "encoder": f"`{record.request.encoder}`",
        "method": f"{method.title} ({method.citation})",
        "started from": _start(record.initial_weights),
        "views": f"recipe `{config.views}`" + (f", but {changes}" if changes else ""),
        "epochs": f"{config.projector_epochs} with the encoder frozen, then {config.epochs}",
        "batch": f"{config.batch_size} images",
        "weights kept": "of the last step" if record.kept == "last" else record.kept,
        "ended early": record.stopped or "no",
        "precision": f"{environment.precision}, on {environment.device}",
        "seed": str(record.seed),
        "Twinlens": environment.packages["twinlens"],
    }
    return f"## What it is\n\n{_table('', '', rows=rows.items())}\n\nAll settings: run.json."


def _start(weights: InitialWeights) -> str:
    name = weights.name
    if name in WEIGHTS:
        return f"`{name}`: {WEIGHTS[name].source} Licence: {WEIGHTS[name].licence}."
    if name == "random":
        return "random weights"
    return f"the file {PurePath(name).name}, sha256 {weights.sha256}"


def _what_it_saw(record: PretrainRun) -> str:
    config, data, images = record.settings, record.data, record.request.images
    seer = "it" if images == "all" else "the encoder that it started from"
    transductive = (
        f"**Transductive: {seer} has seen the validation and test images, without their labels. "
        "Results on them may be better than on new images.**"
    )
    identity = {"data": data.hash, f"split `{data.split}`": data.split_hash}
    parts = [
        "## What it saw",
        f"{record.images:,} images of {data.size} x {data.size} pixels: the "
        f"{IMAGES[images].title} images of the split `{data.split}`. "
        f"{_labels(config, data)}",
        transductive if record.transductive else "It saw no validation or test image.",
        data.notice,
        _table("", "hash", rows=[(name, f"`{value}`") for name, value in identity.items()]),
    ]
    return "\n\n".join(filter(None, parts))


def _labels(config: StoredPretraining, data: DataSummary) -> str:
    if not data.classes:
        return "They have no labels."
    uses = {
        "which weights to keep": config.keep == "best_probe",
        "when to stop": config.patience is not None,
    }
    decided = " and ".join(what for what, used in uses.items() if used)
    classes = f"It learned nothing from labels ({', '.join(data.classes)})"
    return f"{classes}, but a probe on them decided {decided}." if decided else f"{classes}."


def _did_it_help(record: PretrainRun, monitor: MonitorRecord) -> str:
    parts = ["## Did it help?", " ".join(record.verdict)]
    if len(monitor.evaluations) > 1:
        before = monitor.evaluations[0].model_dump(exclude_none=True)
        kept = monitor.kept_evaluation.model_dump(exclude_none=True)
        rows = [
            (title, f"{before[name]:.3f}", f"{kept[name]:.3f}")
            for name, title in _MEASURES.items()
            if name in kept
        ]
        parts.append(_table("", "before", "after", rows=rows))
    if monitor.probe:
        parts.append(
            "The probes are fitted to some labelled training images and scored on others, of other "
            "groups: they compare evaluations of one pretraining, and do not say how good a "
            "classifier will be."
        )
    return "\n\n".join(parts)


def _how_to_load(record: PretrainRun) -> str:
    normalisation = record.normalisation.model_dump()
    numbers = {k: [*value] for k, value in normalisation.items()} | {"size": record.data.size}
    ways = _ways(record.request.encoder)
    blocks = [_PYTHON.format(name=k, imports=v[0], build=v[1], **numbers) for k, v in ways.items()]
    return "\n\n".join([_LOAD, *blocks])


def _ways(encoder: str) -> dict[str, tuple[str, str]]:
    """Return what builds the network, by package: an import and the lines after it."""
    model = encoder.removeprefix("timm/")
    timm = ("import timm", f'encoder = timm.create_model("{model}", num_classes=0)')
    if encoder.startswith("timm/"):
        return {"timm": timm}
    if encoder in ("resnet18", "resnet34", "resnet50"):
        head = f"encoder = torchvision.models.{model}()\nencoder.fc = torch.nn.Identity()"
        return {"torchvision": ("import torchvision", head), "timm": timm}
    build = "from twinlens.models.encoders import build_encoder"
    return {"Twinlens": (build, f'encoder = build_encoder("{model}", seed=0)')}


def _table(*head: str, rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
