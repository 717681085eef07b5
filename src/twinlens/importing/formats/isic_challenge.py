"""The layout of an ISIC challenge: parts, each with one-hot ground truth and facts about images."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import pandas as pd

from twinlens.console import say
from twinlens.errors import UserError, unknown
from twinlens.importing.listing import image_files
from twinlens.importing.named_images import with_images
from twinlens.importing.source import Options, Source, SourceKind
from twinlens.importing.table_file import read_cells, typed
from twinlens.records.dataset import ClassInfo

UNKNOWN = "UNK"
LICENCE = "CC BY-NC 4.0"  # of the classification tasks of 2018 and 2019
_NO_CLASS = ("image", "score_weight", "validation_weight")


@dataclass(frozen=True)
class Challenge:
    """What one challenge calls its files and columns.

    Attributes:
        prefix: How the names of its files begin.
        parts: Its parts, as in the names of its files.
        facts: The table beside the ground truth, as in its file's name.
        columns: Columns of that table, by the name that they get in the data set.
        classes: Title, colour and group of each class.
    """

    prefix: str
    parts: tuple[str, ...]
    facts: str
    columns: Mapping[str, str]
    classes: Mapping[str, ClassInfo]

    def file(self, part: str, what: str) -> str:
        """Return the name of a part's table."""
        return f"{self.prefix}_{part}_{what}.csv"


def find_table(source: str, *names: str) -> Path | None:
    """Return the file of one of these names in a folder, or in a folder in it, or None."""
    folder = Path(source)
    if not folder.is_dir():
        return None
    places = (
        path for name in names for at in ("", "*/") for path in sorted(folder.glob(at + name))
    )
    return next((path for path in places if path.is_file()), None)


def read_columns(path: Path, *required: str) -> pd.DataFrame:
    """Read all cells of a table as text, see `read_cells`.

    Raises:
        UserError: The file is no table, or has not all the required columns.
    """
    cells = read_cells(path)
    for name in required:
        if name not in cells.columns:
            raise UserError(
                f"{path} has no column '{name}', so it is not the official table; "
                f"its columns are {', '.join(cells.columns)}."
            )
    return cells


def challenge_source(title: str, challenge: Challenge) -> SourceKind:
    """Return the kind of source that holds the official tables of a challenge."""
    return SourceKind(
        title,
        lambda source: bool(find_truths(source, challenge)),
        partial(read_challenge, challenge=challenge),
    )


def find_truths(source: str, challenge: Challenge) -> dict[str, Path]:
    """Return the tables of ground truth that lie in a folder, by part."""
    found = {
        part: find_table(source, challenge.file(part, "GroundTruth")) for part in challenge.parts
    }
    return {part: path for part, path in found.items() if path}


def read_challenge(source: str, options: Options, challenge: Challenge) -> Source:
    """Read the parts of a challenge that lie in a folder; the column ``part`` tells them apart.

    Raises:
        UserError: The folder has none, a table is not as the challenge has it, or an image is
            named twice.
    """
    truths = find_truths(source, challenge)
    if not truths:
        name = challenge.file(challenge.parts[0], "GroundTruth")
        raise UserError(f"{source} is not a folder with {name} (or that of another part).")
    files = image_files(Path(source))
    parts = [
        with_images(truth, _read_part(source, challenge, part, truth), files, options)
        for part, truth in truths.items()
    ]
    table = pd.concat([part.table for part in parts], ignore_index=True)
    _refuse_repeats(source, table["id"])
    names = [challenge.file(part, challenge.facts) for part in truths]
    facts = [path for path in (find_table(source, name) for name in names) if path]
    unlabelled = int(table["label"].isna().sum())
    if unlabelled:
        say(f"{unlabelled:,} images of unknown class ({UNKNOWN}) are read as unlabelled.")
    if "age" in table:
        table["age"] = typed(table["age"])
    return Source(
        table,
        items=list(chain.from_iterable(part.items for part in parts)),
        classes=list(challenge.classes),
        class_info=challenge.classes,
        skipped=list(chain.from_iterable(part.skipped for part in parts)),
        used=[*truths.values(), *facts],
        licence=LICENCE,
    )


def _read_part(source: str, challenge: Challenge, part: str, truth: Path) -> pd.DataFrame:
    cells = read_columns(truth, "image")
    name = challenge.file(part, challenge.facts)
    facts = _facts(find_table(source, name), cells["image"], challenge.columns)
    if facts["group"].isna().all():
        say(
            f"{truth.name}: without lesion ids (in {name}) its groups are unknown, so each image "
            "counts as a lesion of its own."
        )
    columns = {
        "id": cells["image"],
        "label": _labels(truth, cells, challenge),
        "group": facts.pop("group"),
        "split": pd.Series(None, index=cells.index, dtype=object),
        "part": part.lower(),
    }
    return pd.DataFrame({**columns, **facts})


def _labels(path: Path, cells: pd.DataFrame, challenge: Challenge) -> pd.Series:
    """Return the class of each row of one-hot ground truth, missing where it is unknown."""
    names = [name for name in cells.columns if name not in _NO_CLASS]
    classes = [*challenge.classes, UNKNOWN]
    for name in names:
        if name not in classes:
            raise unknown(f"class column in {path}, line 1:", name, classes)
    marks = cells[names].apply(pd.to_numeric, errors="coerce")
    wrong = ~marks.isin([0, 1]).all(axis=1) | (marks.sum(axis=1) != 1)
    if wrong.any():
        raise UserError(
            f"{path}, line {cells.index[wrong][0]}: a row needs a 1 in the column of its class "
            "and a 0 in every other one."
        )
    labels: pd.Series = marks.idxmax(axis=1).astype(object)
    return labels.where(labels != UNKNOWN, None)


def _facts(path: Path | None, images: pd.Series, columns: Mapping[str, str]) -> pd.DataFrame:
    """Look images up in the table beside the ground truth; what it does not tell is missing."""
    if path is None:
        return pd.DataFrame(index=images.index, columns=list(columns), dtype=object)
    cells = read_columns(path, "image").dropna(subset="image")
    repeated = cells["image"][cells["image"].duplicated()]
    if len(repeated):
        raise UserError(
            f"{path}, line {repeated.index[0]}: '{repeated.iloc[0]}' is described a second time; "
            "keep one row per image."
        )
    rows = cells.set_index("image").reindex(index=images, columns=list(columns.values()))
    return rows.set_axis(images.index).set_axis(list(columns), axis=1)


def _refuse_repeats(source: str, names: pd.Series) -> None:
    repeated = names[names.duplicated()]
    if len(repeated):
        raise UserError(
            f"{source} names the image '{repeated.iloc[0]}' in two parts: keep it in one."
        )
