"""Images of a data set that are blurred, dark, bright, noisy or empty."""

from twinlens.data.dataset import Dataset
from twinlens.data.quality import measure, outliers
from twinlens.records.audit import QualityOutlier


def find_outliers(dataset: Dataset) -> list[QualityOutlier]:
    """List the images of a data set whose quality is unusual."""
    table = outliers(measure(dataset.images))
    ids = dataset.table["id"].to_numpy()[table["row"]]
    return QualityOutlier.from_frame(table.drop(columns="row").assign(id=ids))
