import re

import pytest

from twinlens.study.analysis.verdict import settled, verdict


def _results(values, reference=0.5, interval=(0.01, 0.05), arms=1, **others):
    mean = sum(values) / len(values)
    names = [f"arm {i}" for i in range(arms)]
    difference = {"mean": mean, "interval": interval, "n": len(values), "values": values}
    difference |= {"p": 0.03, "p_holm": 0.03, "note": None, "means": [reference + mean, reference]}
    by = {"1": {"balanced_accuracy": difference | others}}
    means = {"1": {"balanced_accuracy": {"mean": reference + mean}}}
    return {
        "label_fractions": [0.1, 1.0],
        "primary_metric": "balanced_accuracy",
        "min_effect": None,
        "reference": "plain",
        "arms": {"plain": {"1": {"balanced_accuracy": {"mean": reference}}}}
        | dict.fromkeys(names, means),
        "differences": dict.fromkeys(names, by),
        "transductive": [],
    }


def test_a_difference_that_seeds_do_not_explain():
    first, second = verdict(_results([0.02, 0.03, 0.04]))
    assert first == (
        "'arm 0' reached a balanced accuracy of 0.530 on the test set, "
        "0.030 higher than 'plain' (0.500)."
    )
    assert second == (
        "That is more than the choice of seed explains "
        "(95 % interval +0.010 to +0.050, 3 paired seeds, 3 of them agreeing)."
    )


def test_a_difference_that_could_be_chance_is_said_to_be():
    first, second = verdict(_results([-0.02, 0.01], interval=(-0.1, 0.09)))
    assert "0.005 lower" in first
    assert "could be chance" in second
    assert "2 paired seeds, 1 of them agreeing" in second


def test_equal_differences_are_no_certainty():
    equal = {"p": None, "p_holm": None, "note": "All differences are equal."}
    assert verdict(_results([0.02, 0.02], interval=None, **equal))[1] == equal["note"]


def test_one_seed_has_no_interval_over_seeds_but_perhaps_one_over_test_images():
    second = verdict(_results([0.02], interval=None))[1]
    assert re.search("With 1 paired seed there is no interval: run at least two", second)
    bootstrap = {"interval": [-0.01, 0.05]}
    second = verdict(_results([0.02], interval=None, bootstrap=bootstrap))[1]
    assert "these two models would differ by -0.010 to +0.050 on other test images" in second


def test_a_single_seed_does_not_take_the_verdict_from_arms_with_several():
    results = _results([0.02, 0.03, 0.04])
    (single,) = _results([0.2])["differences"].values()
    results["differences"]["single"] = single
    first, second = verdict(results)
    assert first.startswith("The best of the other arms with several seeds, 'arm 0' reached")
    assert "3 paired seeds" in second


def test_several_comparisons_are_corrected_for():
    first, second = verdict(_results([0.02, 0.03], arms=3, p_holm=0.041))
    assert first.startswith("The best of the other arms, 'arm 0'")
    assert second.startswith("That is more than the choice of seed explains")
    assert "p = 0.041 by Holm's correction for 3 comparisons" in second
    second = verdict(_results([0.02, 0.03], arms=3, p_holm=0.09))[1]
    assert second.startswith("That could be chance, as the best of 3 comparisons")


@pytest.mark.parametrize(
    ("interval", "side", "words"),
    [
        ((0.02, 0.05), "above", "the interval lies wholly above the worthwhile 0.02."),
        ((0.001, 0.019), "below", "the interval lies wholly below the worthwhile 0.02."),
        ((-0.05, -0.03), "below", "the interval lies wholly below the worthwhile 0.02."),
        ((0.001, 0.05), None, "whether it reaches the worthwhile 0.02 is open."),
    ],
)
def test_the_worthwhile_difference_is_held_against_the_interval(interval, side, words):
    assert settled(interval, 0.02) == side
    results = _results([0.02, 0.03], interval=interval) | {"min_effect": 0.02}
    assert verdict(results)[1].endswith(words)


def test_nothing_to_compare_is_said():
    alone = _results([0.0])
    alone["differences"] = {}
    assert "no second arm" in verdict(alone)[1]
    nothing = _results([0.0])
    nothing["arms"] = {}
    assert "No run of the reference arm 'plain'" in verdict(nothing)[0]


def test_transductive_arms_are_named_even_where_nothing_is_found():
    results = _results([0.02, 0.03], arms=2) | {"transductive": ["arm 0", "arm 1"]}
    assert len(verdict(results)) == 3
    assert verdict(results)[2] == (
        "Transductive: the pretraining of 'arm 0' and of 'arm 1' saw the validation and test "
        "images, without their labels."
    )
    assert verdict(results | {"arms": {}})[2] == verdict(results)[2]
