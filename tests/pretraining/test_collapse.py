import numpy as np
import pytest
from scipy.stats import norm

from stored_runs import evaluation
from twinlens.pretraining.collapse import describe_collapse, describe_fall
from twinlens.records.monitor import ProbeData

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


PROBE = ProbeData(images=100, folds=3, classes=2, standard_error=0.03)


@pytest.mark.parametrize(
    ("probes", "fallen"),
    [
        ([0.2, 0.2], True),
        ([0.5, 0.2, 0.23], True),
        ([0.2], False),  # once may be chance
        ([0.2, 0.25], False),  # within two standard errors
        ([0.2, 0.2, 0.3], False),  # it has recovered
        ([0.4, 0.4], False),
        ([None, None], False),
    ],
)
def test_a_probe_below_its_start_is_seen(probes, fallen):
    trained = [evaluation(step=i, linear_probe=p) for i, p in enumerate(probes, start=1)]
    said = describe_fall(trained, evaluation(linear_probe=0.3), PROBE)
    assert bool(said) is fallen
    assert not fallen or "fell from 0.300 to" in said
    assert describe_fall(trained, evaluation(), None) is None


def test_a_probe_that_stays_the_same_seldom_seems_to_fall():
    """Eight classes of 40 images, 30 % right, correlated between 20 evaluations."""
    random, alarms = np.random.default_rng(0), 0
    probe = ProbeData(images=320, folds=3, classes=8, standard_error=0.5 / 40**0.5 / 8**0.5)
    for _ in range(300):
        shared, own = random.standard_normal((320, 1)), random.standard_normal((320, 21))
        right = (0.6**0.5 * shared + 0.4**0.5 * own < norm.ppf(0.3)).mean(axis=0)
        found = [evaluation(step=i, linear_probe=p) for i, p in enumerate(right)]
        alarms += any(describe_fall(found[1:end], found[0], probe) for end in range(3, 22))
    assert alarms <= 0.05 * 300
