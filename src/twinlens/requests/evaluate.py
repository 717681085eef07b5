"""What `twinlens evaluate` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class EvaluateRequest(Request):
    """Evaluate a model on one or several labelled data sets, also on outside ones.

    Attributes:
        model: Folder of a model: a run, its model/, or a study's best/; or of a study, with `arm`.
        datasets: Folders made by `twinlens import`; each further one is compared with the first.
        arm: Arm of the study to evaluate: its seeds as an ensemble.
        label_fraction: That of the arm's runs; default: the largest.
        split: Part of the split, such as test; NAME:test if there are several splits. Of a data set
            without a split, all labelled images are evaluated.
        by: Column of the table of images, such as source: the images of each of its values are
            evaluated as a data set of their own, and compared with those of the most frequent one.
        class_map: YAML or CSV file with the model's class for each class of the data sets, or
            nothing for those to leave out.
        positive: Classes to tell from all others, such as MEL,BCC, or a group of the classes;
            default: malignant, where the classes have such a group.
        coverage: Wanted coverage of the conformal prediction sets.
        prevalence: Prevalence of some classes where the model is to be used, such as
            MEL=0.1,NV=0.8; the other classes share the rest.
        subgroups: Columns of the table of images to compare, such as sex,age; default: all.
        explain: Also store errors and unusual images with Grad-CAM and the nearest training images.
        isic_csv: CSV file to write, as the ISIC challenge takes it.
        tta: Views that test-time augmentation averages; default: the model's.
        recompute: Predict again even where a run has stored these predictions.
        out: Folder to make, for the report, evaluation.json and predictions.parquet.
        device: auto, cpu, cuda or mps.
        overwrite: Replace what `out` holds.
    """

    COMMAND: ClassVar = "evaluate"
    POSITIONAL: ClassVar = ("model", "datasets")

    model: Path | str
    datasets: Path | str | tuple[Path | str, ...]
    _: KW_ONLY
    arm: str | None = None
    label_fraction: float | None = None
    split: str = "test"
    by: str | None = None
    class_map: Path | str | None = None
    positive: str | None = None
    coverage: float = 0.9
    prevalence: str | None = None
    subgroups: str | None = None
    explain: bool = False
    isic_csv: Path | str | None = None
    tta: int | None = None
    recompute: bool = False
    out: Path | str | None = None
    device: str = "auto"
    overwrite: bool = False

    @property
    def dataset_paths(self) -> tuple[Path, ...]:
        """The data sets, in order."""
        several = self.datasets if isinstance(self.datasets, tuple) else (self.datasets,)
        return tuple(map(Path, several))
