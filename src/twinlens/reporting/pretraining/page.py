"""The page of a pretraining: stored files in, one self-contained HTML file out."""

from pathlib import Path
from typing import Any

import yaml

from twinlens.errors import UserError
from twinlens.files import digest, sha256, write_text
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.pretrained_encoder import ENCODER
from twinlens.records.run import PretrainRun
from twinlens.reporting import formatting as wording
from twinlens.reporting.load_run import StoredRun, read_run
from twinlens.reporting.pretraining.monitoring import (
    alarms,
    before_and_after,
    rank_correlations,
)
from twinlens.reporting.pretraining.pretraining_section import (
    pretraining_sections,
    pretraining_views,
)
from twinlens.reporting.rendering import render
from twinlens.reporting.study import training_curves as curves
from twinlens.reporting.study.arm_runs import ArmRuns
from twinlens.reporting.tables import tables


def pretraining_report(run: Path) -> Path:
    """Write the page of a finished pretraining from its stored files.

    Args:
        run: Folder that `twinlens pretrain` has written.

    Returns:
        Path of ``report.html`` in that folder.

    Raises:
        UserError: The folder holds no finished pretraining, or a file in it is damaged.
    """
    run = Path(run)
    try:
        stored = read_run(run)
        record = stored.pretraining
        page = render("pretraining/page.html", **content(stored, record)) if record else ""
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{run} cannot be read as a finished run: {error!r}.") from error
    if not page:
        raise UserError(
            f"{run} is a training, which has no report: give the folder of its study, or of a "
            "pretraining."
        )
    write_text(run / "report.html", page)
    return run / "report.html"


def content(run: StoredRun, record: PretrainRun) -> dict[str, Any]:
    """Return what the template shows: words, tables and figures."""
    arms = [ArmRuns("", 1, [run])]
    terms = curves.loss_columns(arms)
    return {
        "title": f"{record.encoder}, pretrained by {wording.method_title(run.method)}",
        "verdict": _verdict(run, record),
        "notices": notices(run, record),
        "key_numbers": key_numbers(run, record),
        "section": pretraining_sections(arms, run.folder)[0],
        "correlations": rank_correlations(run),
        "views": pretraining_views(arms, run.folder),
        "searches": curves.lr_finder_panels(arms),
        "losses_panels": curves.loss_panels(arms),
        "terms": curves.loss_legend(terms),
        "has_floor": "floor" in terms,
        "schedule_panels": curves.schedule_panels(arms),
        "images": f"{wording.count(record.images)} {_seen(record)} images, labels ignored",
        "counts": tables.class_counts(run.data.counts, run.data.classes, run.data.class_info),
        "environment": tables.facts_table(record.environment.model_dump(mode="json")),
        "hashes": tables.facts_table(hashes(run)),
        "settings": yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True),
        "command": record.command,
    }


def notices(run: StoredRun, record: PretrainRun) -> list[str]:
    """Return what a reader must know before believing a number."""
    texts = [f"Alarm: {message}" for _, message in alarms(run)]
    if run.transductive:
        itself = record.request.images == "all"
        what = "this pretraining" if itself else "the encoder that this pretraining started from"
        texts.append(
            f"Transductive: {what} has seen the validation and test images, without their labels."
        )
    return [*texts, *filter(None, [run.data.notice])]


def key_numbers(run: StoredRun, record: PretrainRun) -> list[tuple[str, str, str]]:
    """Return (value, name, detail) of the few numbers that a reader looks for first."""
    settings, speed = record.settings, record.images_per_s
    size = settings.image_size or record.data.size
    start = f"from {record.initial_weights.name} weights"
    numbers = [
        (wording.method_title(run.method), "Method", start),
        (wording.count(record.images), "Images", f"{_seen(record)}, {size} × {size} pixels"),
        *_paired(record),
        (str(settings.epochs), "Epochs", f"batches of {settings.batch_size}"),
    ]
    for column, name, digits, of in (
        ("linear_probe", "Linear probe", 3, "balanced accuracy"),
        ("feature_rank", "Effective rank", 1, "of the features"),
    ):
        values = before_and_after(run, column)
        if values:
            before, after = (wording.decimal(value, digits=digits) for value in values)
            numbers.append((after, name, f"{of}, {before} before"))
    detail = f"{wording.count(speed)} images per second" if speed else ""
    return [*numbers, (wording.duration(record.seconds), "Time", detail)]


def hashes(run: StoredRun) -> dict[str, str]:
    """Return what identifies the data, the split, the settings and the encoder."""
    encoder = run.folder / ENCODER
    digests = {
        "data": run.data.hash,
        f"split {run.data.split}": run.data.split_hash,
        "settings": digest(run.config),
        ENCODER: sha256(encoder) if encoder.is_file() else "",
    }
    return {name: value for name, value in digests.items() if value}


def _verdict(run: StoredRun, record: PretrainRun) -> list[str]:
    """Return the sentences of the stored verdict, without alarms, which are notices."""
    messages = [message for _, message in alarms(run)]
    return [text for text in record.verdict if text not in messages]


def _paired(record: PretrainRun) -> list[tuple[str, str, str]]:
    if record.paired is None:
        return []
    return [(wording.count(record.paired), "Images with a partner", "of their lesion or patient")]


def _seen(record: PretrainRun) -> str:
    return IMAGES[record.request.images].title
