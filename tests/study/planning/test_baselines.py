from functools import partial

import pytest

from twinlens.errors import UserError
from twinlens.models.encoders import build_encoder
from twinlens.models.published import WEIGHTS
from twinlens.models.weights import cached
from twinlens.study.planning import baselines as module
from twinlens.study.planning.baselines import Baseline, at_hand, baseline_arm
from twinlens.study.planning.config import Study, as_yaml, parse
from twinlens.study.planning.plan import make_plan

FILE = {"name": "ours", "encoder": "resnet18", "weights": "ours.pth", "train": {"probe_c": 1}}


def _study(**changes):
    options = {"data": "data", "arms": {"plain": {}, "twins": {"pretrain": {}}}, "seeds": 2}
    return Study.model_validate(options | {"baselines": ["dino_vit_small", FILE]} | changes)


def test_each_baseline_is_an_arm_that_is_probed_frozen():
    study = _study(label_fractions=[1.0, 0.1])
    assert [*study.arms] == ["plain", "twins", "dino_vit_small, frozen", "ours, frozen"]
    assert study.baseline_arms == [*study.arms][2:]
    assert study.reference == "plain"
    dino, ours = (study.arms[arm] for arm in study.baseline_arms)
    published = WEIGHTS["dino_vit_small"].encoder
    assert (dino.encoder, dino.weights) == (f"{published}:224", "dino_vit_small")
    assert (ours.encoder, ours.weights, ours.pretrain) == ("resnet18", "ours.pth", None)
    assert study.training("ours, frozen").probe_c == 1
    plan = [run for run in make_plan(study, data_hash="d", split_hash="s") if run.kind == "train"]
    of = {arm: [(r.seed, r.label_fraction) for r in plan if r.arm == arm] for arm in study.arms}
    assert of["plain"] == of["dino_vit_small, frozen"] == of["ours, frozen"]
    assert {r.needs for r in plan if r.arm in study.baseline_arms} == {None}


def test_a_baseline_shares_how_probes_are_fitted_and_images_are_viewed_but_no_training():
    shared = {"probe_c": 0.01, "tta": 5, "views": "paper"}
    study = _study(preset="paper", train=shared | {"head": "mlp", "class_balance": "loss"})
    found = study.training("dino_vit_small, frozen")
    assert (found.tuning, found.head, found.class_balance) == ("linear_probe", "linear", "none")
    assert {key: getattr(found, key) for key in shared} == shared
    assert found.normalise, "as its weights expect, though the preset does not"
    assert study.training("ours, frozen").probe_c == 1


def test_a_resolved_study_reads_as_itself_and_a_baseline_may_be_the_reference():
    study = _study(reference="ours, frozen")
    assert parse(Study, study.model_dump(), where="") == study
    assert "dino_vit_small, frozen:" in as_yaml(study)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"baselines": ["dino_vit_smal"]}, "Did you mean 'dino_vit_small'?"),
        ({"baselines": [{"weights": "ours.pth"}]}, "For a file write {encoder: NAME, weights: F"),
        ({"baselines": ["vicreg"], "arms": {"vicreg, frozen": {}}}, "is an arm and a baseline"),
    ],
)
def test_a_baseline_that_cannot_be_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        _study(**changes)


def test_a_name_and_a_mapping_are_the_same_baseline():
    assert baseline_arm("vicreg") == baseline_arm(Baseline(weights="vicreg"))


def test_a_published_encoder_gets_images_of_224_pixels_and_another_what_its_name_says():
    assert baseline_arm("vicreg")[1].encoder == "resnet50:224"
    own = Baseline(weights="vicreg", encoder="resnet50")
    assert baseline_arm(own)[1].encoder == "resnet50"


def test_auto_takes_what_is_in_the_cache_and_can_be_built(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path))
    some = {name: WEIGHTS[name] for name in ("vicreg", "supervised_resnet18", "dino_vit_small")}
    monkeypatch.setattr(module, "WEIGHTS", some)
    assert at_hand() == []
    assert "baselines=[dinov2_small]" in capsys.readouterr().err
    for name in ("supervised_resnet18", "dino_vit_small"):
        cached(name).touch()
    pytest.importorskip("timm")
    assert at_hand() == ["supervised_resnet18", "dino_vit_small"]

    def refuse(encoder, size):
        if encoder.name.startswith("timm/"):
            raise UserError(f"It cannot take images of {size} pixels.")

    monkeypatch.setattr(module, "check_size", refuse)
    assert at_hand() == ["supervised_resnet18"]
    monkeypatch.setattr(
        module, "cached", partial(refuse, build_encoder("timm/vit_tiny_patch16_224", 0))
    )
    assert at_hand() == []
    assert "'dino_vit_small' is left out of the frozen baselines" in capsys.readouterr().err
