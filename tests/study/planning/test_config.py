import pytest

from twinlens.errors import UserError
from twinlens.study.planning.config import as_yaml, read_study

GOOD = """
data: somewhere
arms:
  plain: {}
  twins: {pretrain: {epochs: 3}, images: train}
"""


@pytest.fixture
def study(tmp_path):
    def read(text, settings=()):
        path = tmp_path / "study.yaml"
        path.write_text(text, encoding="utf-8")
        return read_study(path, list(settings))

    return read


def test_defaults(study):
    found = study(GOOD)
    assert (found.reference, found.primary_metric) == ("plain", "balanced_accuracy")
    assert (found.seeds, found.label_fractions) == ([0, 1, 2], [1.0])
    assert found.pretraining("plain") is None
    assert found.pretraining("twins").epochs == 3


def test_the_papers_presets_declare_accuracy(study):
    assert study("preset: paper\n" + GOOD).primary_metric == "accuracy"


def test_precision_is_the_presets_unless_the_study_says_otherwise(study):
    assert study(GOOD).precision == "auto"
    assert study("preset: paper-code\n" + GOOD).training("plain").precision == "fp32"
    assert study("preset: paper-code\n" + GOOD).pretraining("twins").precision == "fp32"
    changed = study("preset: paper-code\nprecision: bf16\n" + GOOD)
    assert changed.training("plain").precision == "bf16"


def test_settings_override_the_file_and_arms_override_the_study(study):
    found = study(
        "train: {epochs: 7, batch_size: 16}\n" + GOOD,
        ["seeds=5", "train.epochs=2", "arms.plain.train.batch_size=8"],
    )
    assert found.seeds == [0, 1, 2, 3, 4]
    assert (found.training("plain").epochs, found.training("plain").batch_size) == (2, 8)
    assert found.training("twins").batch_size == 16


def test_each_arm_may_have_its_own_method(study):
    arms = "  ours: {pretrain: {method: vicreg, variance: 5}}\n"
    found = study(GOOD + arms)
    assert found.pretraining("twins").method == "barlow_twins"
    ours = found.pretraining("ours")
    assert (ours.method, ours.invariance, ours.variance) == ("vicreg", 25, 5)
    with pytest.raises(UserError, match="arm 'ours': 'lambda' is a setting of the method barlow"):
        study("pretrain: {lambda: 1}\n" + GOOD + arms)


def test_the_classes_of_a_task_reach_every_run(study):
    found = study("classes: [a, b]\n" + GOOD)
    assert found.training("plain").classes == found.pretraining("twins").classes == ["a", "b"]
    assert "classes" in found.pretraining("twins").determining()
    assert "classes" not in study(GOOD).pretraining("twins").determining()


def test_the_resolved_study_is_a_study_file_with_the_same_meaning(study):
    found = study(GOOD + "  theirs: {predictions: x.csv}\n")
    assert study(as_yaml(found)) == found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dat: x\n" + GOOD, "Unknown key 'dat'. Did you mean 'data'"),
        ("data: x\n", "The key 'arms' is missing"),
        ("data: x\narms: {}\n", "The key 'arms' is wrong"),
        (
            GOOD.replace("pretrain:", "pretraining:"),
            "below 'arms.twins': 'pretraining'. Did you mean",
        ),
        (GOOD.replace("epochs", "epoch"), "arm 'twins': Unknown key 'epoch'. Did you mean 'ep"),
        (
            "train: {tuning: linear_probe, head: mlp}\n" + GOOD,
            "arm 'plain': a linear probe is a logis",
        ),
        ("train: {epochs: many}\n" + GOOD, r"'epochs' is wrong \(given: 'many'\)"),
        ("reference: none\n" + GOOD, "Unknown arm 'none'.*plain, twins"),
        ("primary_metric: auc\n" + GOOD, "Unknown primary_metric 'auc'.*balanced_accuracy"),
        ("preset: fast\n" + GOOD, "'preset' is wrong.*unknown preset 'fast'.*recommended"),
        ("seeds: [1, 1]\n" + GOOD, "'seeds' is wrong.*no value may come twice"),
        ("label_fractions: [0.0]\n" + GOOD, "'label_fractions.0' is wrong"),
        ("precision: fp16\n" + GOOD, "'precision' is wrong.*'auto', 'fp32' or 'bf16'"),
        ("train: {precision: fp32}\n" + GOOD, "'train' is wrong.*set 'precision' once"),
        ("classes: [a]\n" + GOOD, "'classes' is wrong"),
        ("train: {classes: [a, b]}\n" + GOOD, "'train' is wrong.*set 'classes' once"),
        ("min_effect: 0\n" + GOOD, "'min_effect' is wrong"),
        ("ensemble: all\n" + GOOD, "'ensemble' is wrong.*'none', 'seeds', 'arms' or 'soup'"),
        (
            GOOD.replace("plain: {}", "plain: {predictions: x.csv, weights: supervised}"),
            "arms.plain' is wrong.*leave out weights",
        ),
        ("seeds: 0\n" + GOOD, r"'seeds' is wrong \(given: 0\): write how many, such as 3, or a li"),
        ("seeds: 2.5\n" + GOOD, "'seeds' is wrong.*write how many"),
        (
            "label_fractions: 0.5\n" + GOOD,
            r"'label_fractions' is wrong.*a list is needed, such as \[0.5\]",
        ),
        ("data: x\narms: {a: }\n", r"'arms.a' is wrong.*or \{\} for none"),
        ("data: x\narms: {1: {}}\n", r"'arms.1' is wrong \(given: 1\): text.*in quotes"),
        ("data: x\narms:\n  a: {}\n  a: {seeds: 1}\n", "'a' comes twice, again in line 4"),
        ("- a\n- b\n", "must hold keys and values"),
        ("data: [\n", "is not valid YAML"),
    ],
)
def test_mistakes_name_the_key_and_what_would_be_right(study, text, sentence):
    with pytest.raises(UserError, match=sentence):
        study(text)


@pytest.mark.parametrize("setting", ["epochs", "data.x=1", "train=[", "=3"])
def test_bad_settings_are_sentences(study, setting):
    with pytest.raises(UserError, match="--set"):
        study(GOOD, [setting])


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml is not a file"):
        read_study(tmp_path / "none.yaml", [])
