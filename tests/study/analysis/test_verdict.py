import pytest

from twinlens.records.results import AgainstBaseline, ArmSummary, Difference, StudyResults
from twinlens.study.analysis.verdict import baseline_winner, side_of, verdict

WHERE = {"label_fraction": 1.0, "metric": "balanced_accuracy"}
NONE = dict.fromkeys(
    ["effect_size", "sd_ratio", "sd_ratio_low", "sd_ratio_high", "seeds_needed_low", "seeds_needed",
     "seeds_low", "seeds_high", "group_error"]
)  # fmt: skip


def _difference(arm, values, interval=(0.01, 0.05), **others):
    n, mean = len(values), sum(values) / len(values)
    low, high = interval or (None, None)
    of_arms = {"arm_mean": 0.5 + mean, "reference_mean": 0.5}
    row = {"n": n, "mean": mean, "low": low, "high": high, "p": 0.03, "p_holm": 0.03, "note": ""}
    rest = {"seeds": range(n), "values": values, "covers": "seeds and test images", "level": 0.96}
    return Difference(**{"arm": arm} | WHERE | NONE | of_arms | row | rest | others)


def _results(*differences, **others):
    rest = {"n": 3, "sd": None, "low": None, "high": None, "note": "", "seeds": [], "values": []}
    content = {
        "title": "", "primary_metric": "balanced_accuracy", "min_effect": None,
        "reference": "plain", "seeds": [], "label_fractions": [0.1, 1.0], "metrics": [],
        "arms": ["plain"], "transductive": [], "test_access": [], "looks": [], "failures": [],
        "summaries": [ArmSummary(arm="plain", mean=0.5, **WHERE, **rest)],
        "differences": list(differences), "label_efficiency": None, "advice": [], "best": None,
        "verdict": [],
    }  # fmt: skip
    return StudyResults(**content | others)


def test_a_difference_that_seeds_do_not_explain():
    first, second = verdict(_results(_difference("arm 0", [0.02, 0.03, 0.04])))
    assert first == (
        "'arm 0' reached a balanced accuracy of 0.530 on the test set, "
        "0.030 higher than 'plain' (0.500)."
    )
    assert second == (
        "The difference is larger than the choice of seeds and of test images explains (95 % "
        "interval +0.010 to +0.050 over seeds and test images, 3 paired seeds, 3 of them with the "
        "same sign)."
    )


def test_what_holds_for_this_test_set_only_is_said_so():
    second = verdict(_results(_difference("a", [0.02, 0.03], covers="seeds")))[1]
    assert second.startswith("The difference is larger than the choice of seeds explains, given")
    assert "+0.050 over seeds, 2 paired" in second


def test_several_looks_at_the_results_are_said():
    difference = _difference("a", [0.02, 0.03, 0.02])
    assert "corrected" not in verdict(_results(difference, looks=[3, 5]))[1]
    second = verdict(_results(difference, looks=[2, 3]))[1]
    assert "; corrected for 2 looks at the results)" in second


def test_an_interval_that_includes_zero_is_no_difference():
    first, second = verdict(_results(_difference("a", [-0.02, 0.01], (-0.1, 0.09))))
    assert "0.005 lower" in first
    assert second.startswith("No difference was detected: the interval includes zero (95 %")
    assert "2 paired seeds, 1 of them with the same sign" in second


def test_equal_differences_are_no_certainty():
    note = "All differences are equal."
    equal = _difference("a", [0.02, 0.02], None, p=None, p_holm=None, note=note)
    assert verdict(_results(equal))[1] == note


def test_one_seed_has_no_interval_over_seeds_but_perhaps_one_over_test_images():
    second = verdict(_results(_difference("a", [0.02], None)))[1]
    assert second == "With 1 paired seed there is no interval: run at least two."
    second = verdict(_results(_difference("a", [0.02], (-0.01, 0.05))))[1]
    assert "these two models would differ by -0.010 to +0.050 on other test images" in second


def test_a_single_seed_does_not_take_the_verdict_from_arms_with_several():
    several = _difference("arm 0", [0.02, 0.03, 0.04])
    single = _difference("single", [0.2], p=None, p_holm=None)
    first, second = verdict(_results(several, single))
    assert first.startswith("The best of the other arms with several seeds, 'arm 0', reached")
    assert "3 paired seeds" in second
    fewer = _difference("fewer", [0.01, 0.01])
    assert verdict(_results(several, fewer))[0].startswith("The best of the other arms, 'arm 0'")


def test_several_comparisons_are_corrected_for():
    arms = [_difference(f"arm {i}", [0.02, 0.03], p_holm=0.041) for i in range(3)]
    first, second = verdict(_results(*arms))
    assert first.startswith("The best of the other arms, 'arm 0', reached")
    assert second.startswith("The difference is larger than the choice of seeds and of test images")
    assert "p = 0.041 by Holm's correction for 3 comparisons" in second
    arms = [_difference(f"arm {i}", [0.02, 0.03], p_holm=0.05) for i in range(3)]  # just not below
    second = verdict(_results(*arms))[1]
    assert second.startswith("No difference was detected after correction for 3 comparisons")


@pytest.mark.parametrize(
    ("interval", "side", "words"),
    [
        ((0.02, 0.05), "above", "the whole interval lies above the smallest effect of int"),
        ((0.001, 0.019), "below", "the whole interval lies below the smallest effect of int"),
        ((-0.05, -0.03), "below", "the whole interval lies below the smallest effect of int"),
        ((0.001, 0.05), None, "whether it reaches the smallest effect of interest, 0.02, is open."),
    ],
)
def test_the_smallest_effect_of_interest_is_held_against_the_interval(interval, side, words):
    assert side_of(interval, 0.02) == side
    results = _results(_difference("a", [0.02, 0.03], interval), min_effect=0.02)
    assert words in verdict(results)[1]


def test_where_lower_is_better_a_decrease_reaches_the_smallest_effect():
    assert side_of((-0.05, -0.03), 0.02, sign=-1) == "above"


def test_nothing_to_compare_is_said():
    assert "no second arm" in verdict(_results())[1]
    assert "No run of the reference arm 'plain'" in verdict(_results(summaries=[]))[0]


def test_transductive_arms_are_named_even_where_nothing_is_known():
    arms = [_difference(f"arm {i}", [0.02, 0.03]) for i in range(2)]
    sentence = (
        "Transductive: the pretraining of 'arm 0' and of 'arm 1' saw the validation and test "
        "images, without their labels."
    )
    for content in ({}, {"summaries": []}):
        results = _results(*arms, transductive=["arm 0", "arm 1"], **content)
        assert verdict(results)[2:] == [sentence]


def _against(values, interval, **others):
    row = _difference("arm 0", values, interval, **others)
    against = AgainstBaseline(arm="arm 0", baseline="dino, frozen", differences=[row])
    return _results(baselines=["dino, frozen"], against_baseline=against)


@pytest.mark.parametrize(
    ("values", "interval", "others", "winner", "words"),
    [
        ([0.03, 0.05], (0.01, 0.07), {}, "arm", "The arm wins by 0.040 (95 % interval +0.010 to"),
        ([-0.03, -0.05], (-0.07, -0.01), {}, "baseline", "The frozen baseline wins by 0.040 (95"),
        ([-0.03, 0.05], (-0.1, 0.1), {}, None, "Neither is shown to win: the interval of the"),
        ([0.03, 0.05], (0.01, 0.07), {"p_holm": 0.05}, None, "Neither is shown to win after corr"),
        ([0.03], None, {"p": None, "p_holm": None}, None, "With 1 paired seed there is no inter"),
    ],
)
def test_the_first_sentences_say_whether_the_best_frozen_baseline_wins(
    values, interval, others, winner, words
):
    results = _against(values, interval, **others)
    first, second, *rest = verdict(results)
    mean = 0.5 + sum(values) / len(values)
    assert first == (
        f"The best arm, 'arm 0', reached a balanced accuracy of {mean:.3f} on the test set, and "
        "the best frozen baseline, 'dino, frozen', 0.500."
    )
    assert second.startswith(words)
    assert baseline_winner(results) == winner
    assert rest == verdict(_results())
    several = results.model_copy(update={"baselines": ["dino, frozen", "other, frozen"]})
    assert "; both were chosen on the validation images." in verdict(several)[0]


def test_a_baseline_is_never_the_best_of_the_other_arms():
    frozen = _difference("dino, frozen", [0.2, 0.3])
    results = _results(frozen, _difference("arm 0", [0.02, 0.03]), baselines=["dino, frozen"])
    assert verdict(results)[0].startswith("'arm 0' reached")
