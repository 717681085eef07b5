"""Images and their nearest neighbours in feature space before and after a pretraining."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from twinlens.records.neighbours import LabelledImage, QueryImage
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.pictures import jpeg_uri


@dataclass(frozen=True)
class Thumbnail:
    """A small image as a data URI, and whether it is a neighbour of its query's class."""

    uri: str
    image: LabelledImage
    same_class: bool = False


@dataclass(frozen=True)
class Neighbours:
    """A query, and its nearest neighbours before and after the pretraining."""

    query: Thumbnail
    before: list[Thumbnail]
    after: list[Thumbnail]

    @property
    def size(self) -> int:
        """Characters that its images add to a page."""
        return sum(len(image.uri) for image in (self.query, *self.before, *self.after))


def nearest_neighbours(run: StoredRun) -> list[Neighbours]:
    """Return the queries that a run has stored, with their neighbours as small images."""
    stored = run.neighbours
    if stored is None:
        return []
    shape = len(stored.queries), 1 + 2 * stored.count
    cells = _cells(run.folder / "neighbours.png", stored.side, *shape)
    return [_neighbours(*row) for row in zip(stored.queries, cells, strict=False)]


def same_class(rows: Sequence[Neighbours]) -> tuple[int, int, int] | None:
    """Return how many neighbours are of their query's class before and after, of how many."""
    labelled = [row for row in rows if row.query.image.label]
    before = [image.same_class for row in labelled for image in row.before]
    after = [image.same_class for row in labelled for image in row.after]
    return (sum(before), sum(after), len(after)) if after else None


def _neighbours(query: QueryImage, uris: list[str]) -> Neighbours:
    images = [*query.before, *query.after]
    thumbnails = [
        Thumbnail(uri, image, bool(query.label) and image.label == query.label)
        for uri, image in zip(uris[1:], images, strict=True)
    ]
    count = len(query.before)
    return Neighbours(Thumbnail(uris[0], query), thumbnails[:count], thumbnails[count:])


def _cells(path: Path, side: int, rows: int, columns: int) -> list[list[str]]:
    """Cut a grid of images with gaps between them; nothing if the picture has another size."""
    try:
        with Image.open(path) as file:
            picture = file.convert("RGB")
    except OSError:  # missing, or no picture
        return []
    pitch = (picture.width - side) // max(columns - 1, 1)
    expected = ((columns - 1) * pitch + side, (rows - 1) * pitch + side)
    if not 0 < side <= pitch or picture.size != expected:
        return []
    corners = [[(x * pitch, y * pitch) for x in range(columns)] for y in range(rows)]
    return [[jpeg_uri(picture.crop((x, y, x + side, y + side))) for x, y in row] for row in corners]
