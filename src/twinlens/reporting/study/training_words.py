"""How a training was done, in words."""

from pathlib import Path

from twinlens.records.run import PredictionsRun, StoredPretraining
from twinlens.reporting.formatting import plural, sentence
from twinlens.reporting.load_run import StoredRun
from twinlens.settings.finetuning import FineTuning

CLASS_BALANCE = {
    "none": ("", "every image counts alike"),
    "loss": ("classes weighted", "classes are weighted by the inverse of their frequency"),
    "sampler": ("classes drawn equally", "classes are drawn equally often"),
    "effective_number": ("effective numbers", "classes are weighted by their effective number"),
    "logit_adjustment": ("logit adjustment", "logits are adjusted by the frequency of classes"),
}
"""By the setting: in a box of a diagram, and in a sentence."""

_TRAINABLE = {
    "all": None,
    "norm": ("norm layers alone", "normalisation layers alone"),
    "last": ("last block alone", "normalisation layers and the last block alone"),
    "lora": ("low-rank adapters", "low-rank adapters alone"),
}
_SEMI = {
    "none": None,
    "fixmatch": ("FixMatch", "FixMatch on unlabelled images"),
    "pseudo_label": ("pseudo-labels", "pseudo-labels of an ensemble on unlabelled images"),
}


def training_words(run: StoredRun) -> str:
    """Return a sentence about a training, or about predictions of another tool."""
    if isinstance(run.record, PredictionsRun):
        name = Path(run.record.request.file).name
        return f"Predictions of another tool, {name}; how it was trained is not known here."
    assert run.training, "it describes trainings"
    settings, parts = run.training.settings, []
    if settings.tuning == "linear_probe":
        on = "logistic regression on the features of the frozen encoder"
        parts.append(f"{on}, C = {settings.probe_c}")
    else:
        others = [words for _, words in extras(settings)]
        parts += [*_head(settings), one_cycle(settings), *others]
        if settings.min_steps and run.training.epochs:
            least = f"at least {settings.min_steps} steps, but no more than with all labels"
            parts.append(f"with a part of the labels, epochs for {least}")
    return sentence([*parts, balancing(settings), _test_time(settings)])


def balancing(settings: FineTuning) -> str:
    """Say how a training treats classes of different size."""
    probed = "loss" if settings.probe_balanced else "none"
    return CLASS_BALANCE[probed if settings.tuning == "linear_probe" else settings.class_balance][1]


def one_cycle(settings: FineTuning | StoredPretraining) -> str:
    """Say how long all weights were trained, and how."""
    search = f"found by a learning-rate search ({settings.fallback_lr} where it is inconclusive)"
    rate = search if settings.lr == "valley" else f"fixed at {settings.lr}"
    decay = settings.weight_decay
    return (
        f"{plural(settings.epochs, 'epoch')} of one-cycle for all weights, batches of "
        f"{settings.batch_size}, maximum learning rate {rate}, Adam"
        f"{f' with a weight decay of {decay}' if decay else ''}"
    )


def extras(settings: FineTuning) -> list[tuple[str, str]]:
    """Return what else a training did, which most do not: for a box, and for a sentence."""
    s, usual = settings, FineTuning.model_validate({})
    words = {
        "views": (f"{s.views} views", f"views of the recipe ‘{s.views}’"),
        "encoder_lr": (
            f"encoder's rate × {s.encoder_lr:g}",
            f"{s.encoder_lr:g} times that rate for the encoder",
        ),
        "layer_decay": (
            f"layer decay {s.layer_decay:g}",
            f"{s.layer_decay:g} times the rate from each block to the one before",
        ),
        "fixed_statistics": (
            "BatchNorm fixed",
            "BatchNorm with the statistics of the initial weights",
        ),
        "label_smoothing": ("labels smoothed", f"labels smoothed by {s.label_smoothing:g}"),
        "mixup": ("MixUp", f"MixUp ({s.mixup:g})"),
        "cutmix": ("CutMix", f"CutMix ({s.cutmix:g})"),
        "drop_path": ("stochastic depth", f"stochastic depth ({s.drop_path:g})"),
        "ema": ("moving average", f"moving average of the weights ({s.ema:g})"),
        "wise_ft": ("WiSE-FT", f"WiSE-FT ({s.wise_ft:g} of the trained weights)"),
        "progressive_from": ("growing views", f"views growing from {s.progressive_from} pixels"),
    }
    changed = [text for name, text in words.items() if getattr(s, name) != getattr(usual, name)]
    return [*filter(None, [_TRAINABLE[s.trainable], *changed, _SEMI[s.semi]])]


def _head(settings: FineTuning) -> list[str]:
    """Say how the head began."""
    if settings.head_init == "probe":
        return [f"the head starts as a logistic regression (C = {settings.probe_c})"]
    if settings.tuning != "head_then_full" or not settings.head_epochs:
        return []
    head = f"{settings.head} head alone, learning rate {settings.head_lr:g}"
    return [f"{plural(settings.head_epochs, 'epoch')} of the {head}"]


def _test_time(settings: FineTuning) -> str:
    views, clean = settings.tta, settings.tta_clean
    drawn = plural(views - 1 if clean else views, "drawn view")
    if clean:
        return f"predictions averaged over the image and {drawn}" if views > 1 else "no view drawn"
    return f"predictions averaged over {drawn}"
