import pytest

from evaluated import store_evaluation
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation, read_evaluation


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> StoredEvaluation:
    """A stored evaluation on two data sets."""
    folder = tmp_path_factory.mktemp("evaluation")
    store_evaluation(folder)
    return read_evaluation(folder)
