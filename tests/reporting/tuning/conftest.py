import pytest

from stored_tuning import tuning_results


@pytest.fixture
def results():
    """A search of five trials on two folds, of which the second is the best."""
    return tuning_results()
