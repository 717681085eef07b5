"""A class map: the model's class for each class of an outside data set.

```yaml
naevus: NV
melanoma: MEL
seborrhoeic keratosis: BKL
lentigo:            # nothing: such images are left out
```

As CSV the same is two columns, with any names.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from twinlens.config import read_yaml
from twinlens.data.dataset import Dataset
from twinlens.errors import UserError

ClassMap = Mapping[str, str | None]
"""The model's class by class of a data set; None for images to leave out."""


def read_class_map(path: Path, classes: Sequence[str]) -> dict[str, str | None]:
    """Read a class map.

    Args:
        path: A CSV file, or a YAML file.
        classes: Classes of the model.

    Raises:
        UserError: The file cannot be read, or maps to a class that the model does not have.
    """
    content = _read_csv(path) if path.suffix.lower() == ".csv" else read_yaml(path)
    mapped = {str(theirs): None if ours is None else str(ours) for theirs, ours in content.items()}
    for theirs, ours in mapped.items():
        if ours is not None and ours not in classes:
            raise UserError(
                f"{path} maps '{theirs}' to '{ours}', which is no class of the model: it has "
                f"{', '.join(classes)}; leave the place empty to leave such images out."
            )
    return mapped


def with_class_map(data: Dataset, class_map: ClassMap) -> Dataset:
    """Return a data set whose labels are the model's; those mapped to nothing become unlabelled.

    Classes that the map does not name keep their name. Nothing on disk changes.
    """
    names = {name: class_map.get(name, name) for name in data.classes}
    table = data.table.assign(label=data.table["label"].map(names).astype("str"))
    classes = list(dict.fromkeys(name for name in names.values() if name is not None))
    known = {name: info for name, info in data.class_info.items() if name in classes}
    record = data.record.model_copy(update={"classes": classes, "class_info": known})
    return Dataset(data.path, table, None if data.table_only else data.images, record)


def _read_csv(path: Path) -> dict[str, str | None]:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"The class map {path} cannot be read ({error}).") from error
    if table.shape[1] != 2:
        raise UserError(f"{path} has {table.shape[1]} columns: write two, their class and ours.")
    theirs, ours = (table.iloc[:, column].tolist() for column in (0, 1))
    twice = [name for name in theirs if theirs.count(name) > 1]
    if twice:
        raise UserError(f"{path} names the class '{twice[0]}' twice: keep one row.")
    return {name: of or None for name, of in zip(theirs, ours, strict=True)}
