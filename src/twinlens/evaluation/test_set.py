"""The images that a model is evaluated on: opened, with the model's classes, and predicted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from lightning_fabric import Fabric

from twinlens.data.batches import Reader, reader
from twinlens.data.class_subset import select_classes
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.provenance import refuse_other_split
from twinlens.data.splits import Split, open_split, split_names
from twinlens.errors import UserError
from twinlens.evaluation.class_map import ClassMap, with_class_map
from twinlens.inference.predictions_table import PREDICTIONS, predictions_table, read_predictions
from twinlens.inference.test_time import Probabilities, predict_ensemble, with_views
from twinlens.models.ensemble import read_members, read_temperature
from twinlens.records.bundle import BundleInfo
from twinlens.records.run import MODEL, RUN
from twinlens.types import Rows
from twinlens.views.view import clean_view

BATCH_SIZE = 256
ALL = "all"
"""The part of a data set without a split: its labelled images."""


@dataclass(frozen=True)
class Model:
    """A model to evaluate.

    Attributes:
        folder: Its folder, as the user gave it.
        members: Its bundles; see `read_members`.
        stored: Predictions that its training stored; None where they do not count.
        temperature: The temperature that it carries, if any.
    """

    folder: Path
    members: Mapping[Path, BundleInfo]
    stored: pd.DataFrame | None
    temperature: float | None

    @property
    def info(self) -> BundleInfo:
        """Description of the first bundle; all agree in what is read here."""
        return next(iter(self.members.values()))


def open_model(folder: Path, tta: int | None = None, *, recompute: bool = False) -> Model:
    """Open a model.

    Args:
        folder: A bundle, an ensemble, or the run of a training, whose stored predictions then do.
        tta: Views of test-time augmentation; None for the model's own.
        recompute: Do without stored predictions.

    Raises:
        UserError: It is none of these, or `tta` is less than 1.
    """
    bundle = model_folder(folder)
    members = with_views(read_members(bundle), tta)
    run = bundle.parent
    ours = bundle.name == MODEL and (run / RUN).is_file() and (run / PREDICTIONS).is_file()
    stored = read_predictions(run) if ours and not recompute and not tta else None
    return Model(folder, members, stored, read_temperature(bundle))


def model_folder(folder: Path) -> Path:
    """Return the folder of the model itself, where that of the run of a training is given."""
    inner = folder / MODEL
    return inner if (folder / RUN).is_file() and inner.is_dir() else folder


@dataclass(frozen=True)
class TestSet:
    """Images to evaluate.

    Attributes:
        data: Their data set, with the model's classes.
        split: Its split; None where it has none.
        part: Name of the part.
        rows: Row numbers of the images.
        internal: Whether the model was trained on other images of this data set.
        class_map: Class of the model by class of the data set; empty where nothing was mapped.
        left_out: Number of labelled images without a class of the model.
    """

    __test__ = False  # the name begins with Test, and pytest would collect it

    data: Dataset
    split: Split | None
    part: str
    rows: Rows
    internal: bool
    class_map: ClassMap
    left_out: int

    def part_of(self, part: str) -> Rows:
        """Return the rows of another part; none without a split."""
        return self.split.rows[part] if self.split else np.zeros(0, dtype=np.int64)

    def notes(self, size: int) -> list[str]:
        """Return what a user must know; `size` is the side of the model's images."""
        path, said = self.data.path, []
        if not self.split:
            said.append(f"{path} has no split: all {len(self.rows):,} labelled images count.")
        if self.class_map:
            pairs = (f"{a} to {b or 'nothing'}" for a, b in self.class_map.items())
            said.append(f"Classes of {path} are mapped: {', '.join(pairs)}.")
        if self.left_out:
            said.append(f"Images left out, as the model lacks their class: {self.left_out:,}.")
        if self.data.size != size:
            said.append(
                f"The images of {path} have {self.data.size} pixels: they are resized to the "
                f"{size} that the model was trained at."
            )
        return said


def open_test_set(
    model: Model, path: Path, split: str | None, part: str, class_map: ClassMap
) -> TestSet:
    """Open a data set, and check that the model may be evaluated on it.

    Args:
        model: The model.
        path: Folder of the data set.
        split: Name of its split; None for the one that the model was trained on, or the only one.
        part: The part to evaluate.
        class_map: The user's class map; empty without one. It is for outside data sets: the
            classes of the one that the model was trained on are the model's.

    Raises:
        UserError: Classes or split do not fit, or there are no images.
    """
    original = open_dataset(path)
    history = model.info.provenance.history
    internal = any(training.data_hash in original.lineage for training in history)
    mapped = {} if internal else class_map
    named = {name: ours for name, ours in mapped.items() if name in original.classes}
    data = with_class_map(original, named) if named else original
    names = split_names(data)
    if split is None and len(names) > 1:
        own = model.info.provenance.trained_on.split_hash
        split = next((name for name in names if open_split(data, name).hash == own), None)
    chosen = open_split(data, split) if split or names else None
    data, chosen = _with_known_classes(data, chosen, model.info)
    if chosen:
        for info in model.members.values():
            refuse_other_split(data, chosen, info.provenance.history, what=str(model.folder))
    if internal and not chosen:
        raise UserError(
            f"{model.folder} was trained on images of {path}, which has no split any more: "
            "restore its splits folder, or evaluate on other images."
        )
    wanted = chosen.rows[part] if chosen else np.arange(len(data.table))
    labelled = data.table["label"].notna().to_numpy()[wanted]
    before = original.table["label"].notna().to_numpy()[wanted]
    if not labelled.any():
        raise UserError(
            f"The part '{part}' of the split of {path} is empty."
            if chosen
            else f"{path} has no labelled image."
        )
    rows, left_out = wanted[labelled], int((before & ~labelled).sum())
    return TestSet(data, chosen, part if chosen else ALL, rows, internal, named, left_out)


def predictions(
    model: Model, data: Dataset, rows: Rows, part: str, fabric: Fabric
) -> tuple[pd.DataFrame, bool]:
    """Return the table of predictions of images, and whether the model's training stored them."""
    classes = model.info.classes
    if model.stored is not None and data.hash == model.info.provenance.trained_on.data_hash:
        ids, stored = data.table["id"].iloc[rows], model.stored.set_index("id")
        if ids.isin(stored.index).all():
            p = stored.loc[ids, [f"p_{name}" for name in classes]].to_numpy()
            return predictions_table(data, rows, part, p, classes), True
    return predictions_table(data, rows, part, _predict(model, data, rows, fabric), classes), False


def _predict(model: Model, data: Dataset, rows: Rows, fabric: Fabric) -> Probabilities:
    read = _at_size(reader(data.images, rows, fabric.device), data, model.info.size)
    return predict_ensemble(model.members, read, rows, batch_size=BATCH_SIZE, fabric=fabric)


def _with_known_classes(
    data: Dataset, split: Split | None, info: BundleInfo
) -> tuple[Dataset, Split | None]:
    shared = [name for name in data.classes if name in info.classes]
    strange = [name for name in data.classes if name not in info.classes]
    if split and info.provenance.classes:  # a task of some classes: others are no part of it
        return select_classes(data, split, shared)
    if strange or not shared:
        raise UserError(
            f"{data.path} has classes that the model does not know "
            f"({', '.join(strange) or 'none at all'}); it knows {', '.join(info.classes)}: map "
            "them with --class-map FILE, or import the images with these names."
        )
    return data, split


def _at_size(read: Reader, data: Dataset, size: int) -> Reader:
    """Return a reader of images at the size that the model was trained at."""
    return read if data.size == size else lambda rows: clean_view(read(rows), size)
