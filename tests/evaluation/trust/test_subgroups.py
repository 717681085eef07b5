import numpy as np
import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.evaluation.scoring import score_predictions
from twinlens.evaluation.trust.subgroups import MISSING, attributes, banded, subgroup_scores

CLASSES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def images():
    """Labels, probabilities and groups of 300 images, a third of them predicted at random."""
    random = np.random.default_rng(0)
    labels = random.choice(3, 300, p=[0.5, 0.3, 0.2])
    logits = random.normal(size=(300, 3))
    logits[np.arange(300), labels] += np.where(np.arange(300) < 200, 3, 0)
    p = np.exp(logits)
    return labels, p / p.sum(axis=1, keepdims=True), [f"g{i // 2}" for i in range(300)]


def score(images, **columns):
    labels, p, groups = images
    named = {name: pd.Series(values) for name, values in columns.items()}
    return subgroup_scores(labels, p, CLASSES, groups, named)


def test_each_subgroup_has_the_metrics_of_its_images_and_the_worst_gap_is_found(images):
    labels, p, _ = images
    site = np.repeat(["north", "south", "west"], 100)
    found = score(images, site=site)
    assert [s.value for s in found.scores] == ["north", "south", "west"]
    for number, scores in enumerate(found.scores):
        rows = slice(100 * number, 100 * number + 100)
        expected = score_predictions(labels[rows], p[rows], CLASSES).metrics
        for metric, value in expected.items():
            assert scores.metrics[metric].value == pytest.approx(value)
        accuracy = scores.metrics["accuracy"]
        assert accuracy.low < accuracy.value < accuracy.high
        assert (scores.images, scores.groups, scores.small, scores.absent) == (100, 50, False, [])
    gap = next(gap for gap in found.gaps if gap.metric == "accuracy")
    values = {s.value: s.metrics["accuracy"].value for s in found.scores}
    assert (gap.worst, gap.best) == ("west", max(values, key=values.get))
    assert gap.difference.value == pytest.approx(values[gap.best] - values["west"])
    assert gap.difference.low > 0


def test_small_subgroups_and_absent_classes_are_marked_not_hidden(images):
    labels, *_ = images
    sex = np.where(np.arange(300) < 10, "x", np.where(labels == 2, "female", "male"))
    found = {s.value: s for s in score(images, sex=sex).scores}
    assert {value: s.small for value, s in found.items()} == {
        "female": False, "male": False, "x": True
    }  # fmt: skip
    assert (found["female"].absent, found["male"].absent) == (["a", "b"], ["c"])
    assert found["x"].metrics["accuracy"].value is not None
    gap = score(images, sex=sex).gaps[0]
    assert ({gap.best, gap.worst}, gap.absent) == ({"female", "male"}, ["a", "b", "c"])


def test_subgroups_are_resampled_independently(images):
    """The variance of a difference is the sum of the variances of both."""
    found = score(images, site=np.repeat(["north", "south"], 150))
    gap = next(gap for gap in found.gaps if gap.metric == "accuracy").difference
    widths = [s.metrics["accuracy"].high - s.metrics["accuracy"].low for s in found.scores]
    assert gap.high - gap.low == pytest.approx(np.hypot(*widths), rel=0.05)


def test_ages_and_numbers_are_banded_and_missing_values_named():
    ages, _ = banded("age_approx", pd.Series([20, 30, 59.5, None, 75]))
    assert [*ages] == ["under 30", "30 to 44", "45 to 59", MISSING, "75 and over"]
    assert [*ages.cat.categories] == ["under 30", "30 to 44", "45 to 59", "75 and over", MISSING]
    sizes, _ = banded("size", pd.Series(range(101)))
    assert sizes.value_counts(sort=False).to_dict() == {
        "up to 25": 26, "over 25, to 50": 25, "over 50, to 75": 25, "over 75": 25
    }  # fmt: skip
    few, _ = banded("fitzpatrick", pd.Series([1, 2, 2, None]))
    assert [*few] == ["1.0", "2.0", "2.0", MISSING]
    truth, _ = banded("biopsied", pd.Series([True, False, True]))
    assert [*truth] == ["yes", "no", "yes"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [(["a"] * 300, "same value"), ([None] * 300, "same value"), (range(300), "")],
)
def test_columns_without_subgroups_are_named(images, values, reason):
    texts = pd.Series(values).map(str, na_action="ignore")
    found = score(images, column=texts)
    assert not found.scores
    assert (reason or "it has 300 values") in found.left_out["column"]


def test_columns_are_chosen_by_name():
    table = pd.DataFrame({"id": ["i"], "label": ["a"], "group": ["g"], "sex": ["f"], "age": [5]})
    assert [*attributes(table)] == ["sex", "age"]
    assert [*attributes(table, ["age"])] == ["age"]
    with pytest.raises(UserError, match="Unknown column of the table of images 'sexx'"):
        attributes(table, ["sexx"])


def test_two_images(images):
    labels, p, groups = images
    some = {"sex": pd.Series(["f", "m"])}
    found = subgroup_scores(labels[:2], p[:2], CLASSES, groups[:2], some)
    assert all(s.small and s.metrics["accuracy"].value is not None for s in found.scores)
    assert not found.gaps
