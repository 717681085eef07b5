"""What `twinlens import` is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class ImportRequest(Request):
    """Read images once, and pack them for training.

    Attributes:
        sources: Folder, ZIP archive or file, or phantom:2000 for so many synthetic images; several
            become one data set with a column `source`.
        out: Folder of the data set.
        kind: Kind of source; auto recognises it.
        image: Column with the image's file or id. A column left out means the one of that name
            (image, label, group, split), if there is one; an empty name means none.
        label: Column with the class name; blank means unlabelled.
        group: Column with the lesion or patient; blank means the image alone.
        split: Column with the split, which becomes the split named `imported`.
        split_map: From a name of a split in the source to train, val, test or unlabelled, such as
            pool=unlabelled. Repeatable.
        root: Folder of the images that a table names, if it is not the table's own.
        classes: YAML file with all classes in order, NAME: {title:, colour: "#rrggbb", group:}; in
            Python also its content.
        licence: Licence of the images, such as "CC BY 4.0", which models trained on them then
            state; default: that of a published data set, where its kind is known.
        size: Side of the square images in pixels; default: 256, or that of the data set.
        workers: Threads that decode; default: one per core.
        table_only: Import the table without images: enough to split and count.
        add: Add new images, and labels where there were none, to the data set in `out`.
        overwrite: Replace the data set in `out`.
    """

    COMMAND: ClassVar = "import"
    POSITIONAL: ClassVar = ("sources",)

    sources: Path | str | Sequence[Path | str]
    out: Path | str
    _: KW_ONLY
    kind: str = "auto"
    image: str | None = None
    label: str | None = None
    group: str | None = None
    split: str | None = None
    split_map: Mapping[str, str] = field(default_factory=dict)
    root: Path | str | None = None
    classes: Path | str | Mapping[str, Mapping[str, str]] | None = None
    licence: str = ""
    size: int | None = None
    workers: int | None = None
    table_only: bool = False
    add: bool = False
    overwrite: bool = False

    @property
    def paths(self) -> list[str]:
        """The sources as a list."""
        sources = [self.sources] if isinstance(self.sources, Path | str) else self.sources
        return [str(source) for source in sources]
