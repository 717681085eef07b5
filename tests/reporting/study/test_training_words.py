from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from diagrams import build_four_arms
from html_page import drawing

from twinlens.reporting.study import training_words
from twinlens.reporting.study.load_study import read_study
from twinlens.reporting.study.methods import trainings
from twinlens.reporting.study.pipeline_diagram import framework_panel
from twinlens.reporting.study.training_words import balancing, extras
from twinlens.settings.finetuning import FineTuning

Build = Callable[..., Path]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("class_balance", training_words.CLASS_BALANCE),
        ("trainable", training_words._TRAINABLE),
        ("semi", training_words._SEMI),
    ],
)
def test_every_value_of_a_setting_has_its_words(setting: str, words: dict[str, Any]) -> None:
    assert set(words) == set(get_args(FineTuning.model_fields[setting].annotation))


def test_a_usual_training_has_nothing_else() -> None:
    assert extras(FineTuning.model_validate({})) == []


@pytest.mark.parametrize(
    ("settings", "short", "words"),
    [
        ({"fixed_statistics": True}, "BatchNorm fixed", "statistics of the initial weights"),
        ({"layer_decay": 0.8}, "layer decay 0.8", "0.8 times the rate from each block"),
        ({"encoder_lr": 0.1}, "encoder's rate × 0.1", "0.1 times that rate"),
        ({"label_smoothing": 0.1}, "labels smoothed", "smoothed by 0.1"),
        ({"views": "strong"}, "strong views", "views of the recipe ‘strong’"),
        ({"mixup": 0.2}, "MixUp", r"MixUp (0.2)"),
        ({"cutmix": 1.0}, "CutMix", "CutMix (1)"),
        ({"drop_path": 0.1}, "stochastic depth", "stochastic depth (0.1)"),
        ({"ema": 0.99}, "moving average", "average of the weights (0.99)"),
        ({"wise_ft": 0.5}, "WiSE-FT", "0.5 of the trained weights"),
        ({"progressive_from": 96}, "growing views", "growing from 96 pixels"),
        ({"trainable": "lora"}, "low-rank adapters", "adapters alone"),
        ({"semi": "fixmatch"}, "FixMatch", "FixMatch on unlabelled images"),
        ({"semi": "pseudo_label"}, "pseudo-labels", "pseudo-labels of an ensemble"),
    ],
)
def test_what_most_do_not_is_said(settings: dict[str, Any], short: str, words: str) -> None:
    ((box, sentence),) = extras(FineTuning.model_validate(settings))
    assert short == box
    assert words in sentence


@pytest.mark.parametrize(
    ("settings", "shorts", "words"),
    [
        (
            {"class_balance": "logit_adjustment", "semi": "fixmatch", "ema": 0.99},
            ["logit adjustment", "FixMatch", "moving average"],
            ["logits are adjusted", "FixMatch on unlabelled images", "average of the weights"],
        ),
        (
            {"class_balance": "effective_number", "head": "linear", "head_init": "probe"},
            ["effective numbers", "logistic regression"],
            ["effective number", "head starts as a logistic regression"],
        ),
    ],
)
def test_what_a_training_did_is_on_the_page(
    tmp_path: Path,
    build_study: Build,
    settings: dict[str, Any],
    shorts: list[str],
    words: list[str],
) -> None:
    folder = build_four_arms(tmp_path / "study", build_study, **{"train-3": settings})
    study = read_study(folder)
    panel, said = framework_panel(study), [each.words for each in trainings(study)]
    assert panel
    assert all(short in drawing(panel) for short in shorts)
    assert any(all(part in sentence for part in words) for sentence in said)


def test_a_probe_says_its_own_balance() -> None:
    probe = {"tuning": "linear_probe", "class_balance": "sampler"}
    assert "inverse of their frequency" in balancing(FineTuning.model_validate(probe))
    even = FineTuning.model_validate(probe | {"probe_balanced": False})
    assert balancing(even) == "every image counts alike"
