"""A first study file for a data set."""

import math
from pathlib import Path

from jinja2 import Template

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import counts, open_split, unlabelled_rows
from twinlens.errors import UserError
from twinlens.files import write_text
from twinlens.requests.base import accepts
from twinlens.requests.init import InitRequest
from twinlens.settings.finetuning import FineTuning
from twinlens.settings.pretraining import Pretraining

_TEMPLATE = Path(__file__).with_suffix(".yaml")
_SMALL = 96  # pixels, up to which a ResNet-18 is enough
_FEWEST = 8  # labelled images of a class that a label fraction has on average, at least


def _batch(settings: type[FineTuning | Pretraining], images: float) -> int | None:
    """Return the batch size that so many images fill, by powers of two; None for the default.

    A label fraction takes whole groups, so it may have some images fewer than its share.
    """
    usual: int = settings.model_fields["batch_size"].default
    largest = 2 ** int(max(1, math.log2(max(2, 0.8 * images))))
    return largest if largest < usual else None


@accepts(InitRequest)
def init(request: InitRequest) -> Path:
    """Write a study file for a data set.

    Returns:
        Path of the file.

    Raises:
        UserError: The file exists, or the split has no labelled training images.
    """
    out = Path(request.out)
    if out.exists() and not request.overwrite:
        raise UserError(f"{out} exists already: choose another --out, or pass --overwrite.")
    data = open_dataset(request.dataset)
    split = open_split(data, request.split)
    labelled = {
        part: sum(n for name, n in by_class.items() if name in data.classes)
        for part, by_class in counts(data, split).items()
    }
    if not labelled["train"]:
        raise UserError(
            f"The split '{split.name}' of {data.path} has no labelled training images, so there is "
            "nothing to compare: pretrain on it with 'twinlens pretrain', or import labels."
        )
    per_class = labelled["train"] / len(data.classes)
    fractions = [1.0, *(f for f in (0.5, 0.25, 0.1) if f * per_class >= _FEWEST)]
    seen = len(unlabelled_rows(split))
    text = Template(_TEMPLATE.read_text(encoding="utf-8"), keep_trailing_newline=True).render(
        file=out,
        name=data.path.resolve().name,
        data=data.path,
        split=split.name,
        size=data.size,
        encoder="resnet18" if data.size <= _SMALL else "resnet50",
        fractions=fractions,
        batch=_batch(FineTuning, min(fractions) * labelled["train"]),
        pretraining=f"{seen:,}",
        pretraining_batch=_batch(Pretraining, seen),
        **{part: f"{labelled[part]:,}" for part in ("train", "val", "test")},
    )
    write_text(out, text)
    return out
