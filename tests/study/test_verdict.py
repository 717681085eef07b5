import re

from twinlens.study.verdict import verdict


def _results(values, reference=0.5, interval=(0.01, 0.05), arms=1):
    mean = sum(values) / len(values)
    names = [f"arm {i}" for i in range(arms)]
    difference = {"mean": mean, "interval": interval, "n": len(values), "values": values}
    difference |= {"p": 0.03, "note": None, "means": [reference + mean, reference]}
    by = {"1": {"balanced_accuracy": difference}}
    means = {"1": {"balanced_accuracy": {"mean": reference + mean}}}
    return {
        "budgets": [0.1, 1.0],
        "primary_metric": "balanced_accuracy",
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
    assert "more than the choice of seed explains" in second
    assert "+0.010 to +0.050, 3 paired seeds, 3 of them agreeing" in second


def test_a_difference_that_could_be_chance_is_said_to_be():
    first, second = verdict(_results([-0.02, 0.01], interval=(-0.1, 0.09)))
    assert "0.005 lower" in first
    assert "could be chance" in second
    assert "2 paired seeds, 1 of them agreeing" in second


def test_equal_differences_are_no_certainty():
    results = _results([0.02, 0.02], interval=(0.02, 0.02))
    found = results["differences"]["arm 0"]["1"]["balanced_accuracy"]
    found |= {"p": None, "note": "All differences are equal."}
    assert verdict(results)[1] == "All differences are equal."


def test_one_seed_has_no_interval():
    second = verdict(_results([0.02], interval=None))[1]
    assert re.search("With 1 paired seed there is no interval", second)


def test_several_comparisons_are_owned_up_to():
    first, second = verdict(_results([0.02, 0.03], arms=3))
    assert first.startswith("The best of the other arms, 'arm 0'")
    assert "best of 3 comparisons, uncorrected" in second


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
