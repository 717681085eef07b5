"""The CSV file of predictions that the ISIC challenges of 2018 and 2019 take."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from twinlens.errors import UserError
from twinlens.files import write_text
from twinlens.spreadsheets import without_formulas

_SUFFIXES = (".jpg", ".jpeg", ".png")


def write_isic_csv(path: Path, table: pd.DataFrame, classes: Sequence[str]) -> None:
    """Write one row per image: its name without folder and suffix, and a column for each class.

    Args:
        path: The file.
        table: Columns id, and ``p_<class>`` for each class.
        classes: Classes of the model, which name the columns.

    Raises:
        UserError: Two images have the same name.
    """
    names = [_name(identity) for identity in table["id"]]
    twice = pd.Series(names)[pd.Series(names).duplicated()]
    if len(twice):
        raise UserError(
            f"Two images are called '{twice.iloc[0]}' without their folder, and {path} needs one "
            "name for each: import the images with unique names."
        )
    content = table[[f"p_{name}" for name in classes]].set_axis([*classes], axis=1)
    content.insert(0, "image", names)
    write_text(path, without_formulas(content).to_csv(index=False, lineterminator="\n"))


def _name(identity: str) -> str:
    path = Path(identity)
    return path.stem if path.suffix.lower() in _SUFFIXES else path.name
