"""Pictures of the nearest cases, from a data set."""

from pathlib import Path

from twinlens.data.dataset import open_dataset
from twinlens.serving.pictures import case_picture


class Cases:
    """The images of a data set by their ids.

    Args:
        folder: The data set.

    Raises:
        UserError: It is no data set, or has no images.
    """

    def __init__(self, folder: Path) -> None:
        data = open_dataset(folder)
        self._images = data.images
        self._rows = {name: row for row, name in enumerate(data.table["id"])}

    def picture(self, name: str) -> str | None:
        """Return the image of an id; None for ids that the data set does not have."""
        row = self._rows.get(name)
        return None if row is None else case_picture(self._images[row])
