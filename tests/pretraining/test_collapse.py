import pytest

from stored_runs import evaluation
from twinlens.pretraining.collapse import describe_collapse

FIRST = evaluation(feature_rank=100.0)


def test_a_working_network_has_not_collapsed():
    assert describe_collapse(evaluation(feature_rank=20.0), FIRST) is None


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        ({"feature_dispersion": 0.001}, "relative dispersion 0.001"),
        ({"embedding_rank": 1.2}, "only 1.2 dimensions"),
        ({"feature_rank": 1.0}, "features fill only 1.0"),
        ({"feature_rank": 9.0}, "less than a tenth of the 100"),
    ],
)
def test_each_kind_of_collapse_is_described(measured, words):
    assert words in describe_collapse(evaluation(**measured), FIRST)
