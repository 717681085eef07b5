import pytest

from twinlens.requests.split import SplitRequest


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ""),
        ({"preset": "paper", "seed": 1}, " --preset paper --seed 1"),
        ({"per_class": 5, "val": 0.0, "test": 0.25}, " --per-class 5 --val 0.0 --test 0.25"),
        ({"hold_out": "site=a b", "name": "mine"}, " --hold-out 'site=a b' --name mine"),
    ],
)
def test_a_split_names_its_options_in_its_command(options, words):
    assert SplitRequest("data", **options).command_line() == f"twinlens split data{words}"
