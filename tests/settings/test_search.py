import pytest

from twinlens.config import parse
from twinlens.errors import UserError
from twinlens.settings.search import Choices, Range
from twinlens.study.planning.config import Study, as_yaml

STUDY = {"data": "somewhere", "arms": {"plain": {}}}


def _search(candidates):
    return parse(Study, STUDY | {"search": {"train.lr": candidates}}, where="study.yaml").search


def test_a_mapping_is_a_range_and_a_list_are_choices():
    assert _search({"low": 1e-4, "high": 1, "log": True}) == {
        "train.lr": Range(low=1e-4, high=1, log=True)
    }
    assert _search(["valley", 1e-3]) == {"train.lr": Choices(("valley", 1e-3))}


@pytest.mark.parametrize("candidates", [{"low": 0, "high": 3, "step": 1.0}, [1, 2.5, None, True]])
def test_a_stored_study_searches_the_same(candidates):
    import yaml

    study = parse(Study, STUDY | {"search": {"train.lr": candidates}}, where="study.yaml")
    assert parse(Study, yaml.safe_load(as_yaml(study)), where="stored").search == study.search


@pytest.mark.parametrize(
    ("candidates", "sentence"),
    [
        ({"low": 2, "high": 1}, r"'search.train.lr' is wrong: low \(2\) must be less than high"),
        ({"low": 0, "high": 1, "log": True}, "a logarithmic range must begin above 0, not at 0"),
        ({"low": 1, "high": 2, "log": True, "step": 1}, "a logarithmic range has no step"),
        ({"low": 1}, "The key 'search.train.lr.high' is missing"),
        ({"lo": 1, "low": 1, "high": 2}, "'lo'. Did you mean 'low'"),
        ([1], "'search.train.lr' is wrong: .* at least 2"),
        ([1, 1], "no value may come twice"),
        (0.1, "'search.train.lr' is wrong"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(candidates, sentence):
    with pytest.raises(UserError, match=sentence) as refusal:
        _search(candidates)
    assert str(refusal.value).startswith("study.yaml: ")
    assert str(refusal.value).count("The key") + str(refusal.value).count("Unknown") == 1
