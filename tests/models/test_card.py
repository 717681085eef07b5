import pytest
import yaml
from jinja2 import UndefinedError

from twinlens.models.card import render, write_model_card
from twinlens.records.bundle import PartMetrics, PredictionSets, Provenance
from twinlens.records.estimate import Estimate
from twinlens.records.weights import InitialWeights, TrainedOn

METRICS = {
    "balanced_accuracy": Estimate(value=0.71234, low=0.65, high=0.775),
    "macro_auc": Estimate(value=0.8),
    "log_loss": Estimate(value=None),
}


@pytest.fixture
def card(make_info, tmp_path):
    """A function that writes the card of a bundle, and returns its header and its text."""

    def write(**changes):
        write_model_card(tmp_path, make_info(**changes))
        text = (tmp_path / "README.md").read_text(encoding="utf-8")
        _, header, body = text.split("---\n", 2)
        return yaml.safe_load(header), body

    return write


def _provenance(**weights):
    trained_on = TrainedOn(data_hash="d" * 8, split_hash="s" * 8)
    weights = {"name": "/home/someone/w.safetensors", "sha256": "0123"} | weights
    return Provenance(
        trained_on=trained_on,
        label_fraction=0.25,
        seed=0,
        weights=InitialWeights(**weights),
        settings={},
    )


def test_it_says_what_the_model_is_and_is_not(card):
    header, text = card(temperature=1.25, sha256="abc", provenance=_provenance(), notice="Drawn.")
    assert header["library_name"] == "twinlens"
    assert header["pipeline_tag"] == "image-classification"
    assert {"license", "tags"} <= set(header)
    assert "| 0 | `MEL` | Melanoma | malignant |\n| 1 | `NV` | NV | – |" in text
    for words in (
        "not a medical device", "64 x 64", "1.25, fitted", "`dddddddd`", "`ssssssss`", "`abc`",
        "25 %", "a file, sha256 0123", "mean 0.0, 0.0, 0.0", "\nDrawn.\n",
        "has seen its test images",
    ):  # fmt: skip
        assert words in text
    assert "The licence of the training images is not recorded." in text
    assert "| prediction sets | none |" in text
    assert "index.safetensors" not in text
    assert "someone" not in text
    assert "Transductive" not in text
    assert "No metrics are stored" in text
    assert "\n\n\n" not in text


def test_it_shows_metrics_with_the_intervals_that_there_are(card):
    _, text = card(metrics={"val": PartMetrics(n=40, metrics={}), "test": _part(1200)})
    assert "1,200 test images, with test-time augmentation, 95 % intervals in brackets:" in text
    assert "40 validation images, with test-time augmentation:" in text
    assert "| balanced accuracy | 0.712 (0.650 to 0.775) |" in text
    assert "| macro auc | 0.800 |\n| log loss | – |" in text
    assert "No metrics are stored" not in text
    assert "\n\n\n" not in text


def test_it_shows_sets_index_and_licence(card):
    provenance = _provenance().model_copy(update={"licence": "CC BY-NC 4.0"})
    sets = PredictionSets(coverage=0.9, images=1500, threshold=0.8, by_class={})
    _, text = card(prediction_sets=sets, index_sha256="0f", provenance=provenance)
    assert "| 90 % coverage, from 1,500 validation images, one of each group |\n| test-time" in text
    assert "| sha256 of index.safetensors | `0f`;" in text
    assert "The training images are under CC BY-NC 4.0." in text
    assert "\n\n\n" not in text


def _part(n):
    return PartMetrics(n=n, metrics=METRICS)


def test_a_transductive_pretraining_is_said(card):
    before = TrainedOn(data_hash="d", split_hash="s", transductive=True)
    _, text = card(provenance=_provenance(history=(before,), recognised={"test": 1234}))
    assert "**Transductive: " in text
    assert "a pretraining of the encoder has seen: 1,234 (test)." in text
    _, text = card(provenance=_provenance(name="vicreg"))
    assert "`vicreg`: " in text
    assert "Licence: MIT" in text


def test_a_name_without_a_value_is_an_error():
    with pytest.raises(UndefinedError):
        render("twinlens.models", "card.md")
