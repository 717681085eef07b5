"""What `twinlens label` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class LabelRequest(Request):
    """Label suggested images by keyboard, on a page of this machine.

    Attributes:
        suggestions: CSV file of `twinlens suggest`, or any with a column id.
        dataset: Folder made by `twinlens import`.
        out: SQLite file of the labels, which every key is saved to. It is resumed if it exists.
        classes: Classes beside those of the data set, in the order of their keys. Repeatable.
        show_predictions: Show what the model predicts; it is hidden, as it would sway the answer.
        port: Port of the page; 0 is any free one.
        load: Take labels from Label Studio's JSON export instead of opening the page.
        export: Write the labels instead of opening the page: .csv for `twinlens import --add`, or
            .json for Label Studio, with the images that have no label yet.
        overwrite: Replace the exported file.
    """

    COMMAND: ClassVar = "label"
    POSITIONAL: ClassVar = ("suggestions", "dataset")
    OPTIONS: ClassVar = {"classes": "class"}

    suggestions: Path | str
    dataset: Path | str
    _: KW_ONLY
    out: Path | str = Path("labels.sqlite")
    classes: tuple[str, ...] = ()
    show_predictions: bool = False
    port: int = 0
    load: Path | None = None
    export: Path | None = None
    overwrite: bool = False
