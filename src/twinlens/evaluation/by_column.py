"""The images of one data set, divided by a column such as their source."""

from dataclasses import replace

from twinlens.errors import UserError
from twinlens.evaluation.test_set import TestSet
from twinlens.evaluation.trust.subgroups import attributes, banded


def divided(test_set: TestSet, column: str) -> dict[str, TestSet]:
    """Divide images by the values of a column, as if each value were a data set of its own.

    Args:
        test_set: The images.
        column: Column of the table of images; numbers are banded as for subgroups.

    Returns:
        The images of each value by its name, the most frequent value first.

    Raises:
        UserError: There is no such column, or it does not divide these images.
    """
    about = test_set.data.table.iloc[test_set.rows].reset_index(drop=True)
    values, reason = banded(column, attributes(about, [column])[column])
    if values is None:
        raise UserError(
            f"--by {column} does not divide the images of {test_set.data.path}: {reason}."
        )
    return {
        str(value): replace(test_set, rows=test_set.rows[(values == value).to_numpy()])
        for value in values.value_counts().index
    }
