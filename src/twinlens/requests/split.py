"""What `twinlens split` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class SplitRequest(Request):
    """Assign whole groups to train, val and test, stratified by class, once and for all.

    Attributes:
        dataset: Folder made by `twinlens import`.
        preset: recommended, paper or paper-code: the paper's split of ISIC-2019.
        per_class: Maximum number of labelled training images per class.
        val: Fraction of the labelled images for validation; default: .1. With `folds` and
            `hold_out` a fraction of those outside test.
        test: Fraction of the labelled images for test; default: .2.
        folds: Number of folds: one split for each, which tests it.
        repeats: Number of splits, with seeds from `seed` on.
        hold_out: COLUMN=VALUE: test on the images with this value; or COLUMN: one split for each
            of its values.
        extend: Name of a split to extend by what was added to the data set.
        seed: Everything random derives from it.
        name: Name of the split, or the first part of the names of several.
    """

    COMMAND: ClassVar = "split"
    POSITIONAL: ClassVar = ("dataset",)

    dataset: Path | str
    _: KW_ONLY
    preset: str | None = None
    per_class: int | None = None
    val: float | None = None
    test: float | None = None
    folds: int | None = None
    repeats: int | None = None
    hold_out: str | None = None
    extend: str | None = None
    seed: int = 0
    name: str | None = None
