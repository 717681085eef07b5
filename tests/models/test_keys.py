"""Names in other people's files."""

import pytest
import torch

from twinlens.models.encoders import ENCODERS
from twinlens.models.keys import recognise

with torch.device("meta"):
    OURS = list(ENCODERS["resnet18"].build().state_dict())

FASTAI = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


def by_index(key: str) -> str:
    layer, _, rest = key.partition(".")
    return f"{FASTAI[layer]}.{rest}"


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "module.",
        "backbone.",
        "encoder_q.",
        "0.",
        "_orig_mod.module.",
        "module.momentum_encoder.",
        "teacher.backbone.",
        "state_dict.model.student.0.",
    ],
)
@pytest.mark.parametrize("rename", [str, by_index])
def test_prefixes_and_fastais_indices_are_recognised(prefix, rename):
    theirs = [prefix + rename(key) for key in OURS]
    assert recognise(theirs, OURS) == dict(zip(theirs, OURS, strict=True))


def test_fastais_examples_of_the_protocol():
    names = recognise(["encoder.0.weight", "encoder.4.0.conv1.weight", "encoder.1.bias"], OURS)
    assert list(names.values()) == ["conv1.weight", "layer1.0.conv1.weight", "bn1.bias"]


@pytest.mark.parametrize("prefix", ["", "module.", "module.backbone."])
@pytest.mark.parametrize(
    "head",
    [
        "fc.weight",
        "classifier.1.bias",
        "head.weight",
        "prototypes.weight",
        "mask_token",
        "decoder_blocks.0.norm.bias",
        "projector.0.weight",
        "projection_head.2.bias",
        "predictor.weight",
        "queue",
        "queue_ptr",
        "momentum_encoder.conv1.weight",
    ],
)
def test_heads_and_leftovers_are_left_out(prefix, head):
    names = recognise([f"{prefix}conv1.weight", prefix + head], OURS)
    assert names == {f"{prefix}conv1.weight": "conv1.weight", prefix + head: None}


@pytest.mark.parametrize(
    ("taken", "other"),
    [
        ("teacher.", "student."),
        ("module.encoder_q.", "module.encoder_k."),
        ("backbone.", "backbone_momentum."),
        ("online.", "target."),
        ("base_encoder.", "momentum_encoder."),
        ("model.", "model_ema."),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_of_two_copies_the_right_one_is_taken(taken, other, swapped):
    theirs = [
        f"{prefix}{key}"
        for prefix in ([other, taken] if swapped else [taken, other])
        for key in OURS
    ]
    names = recognise(theirs, OURS)
    assert {key: name for key, name in names.items() if name} == {taken + key: key for key in OURS}


def test_parts_that_compilation_puts_into_names_are_taken_out():
    names = recognise(["_orig_mod.layer1._orig_mod.0.conv1.weight"], OURS)
    assert list(names.values()) == ["layer1.0.conv1.weight"]


def test_a_head_that_the_encoder_has_stays():
    assert recognise(["head.weight"], ["head.weight"]) == {"head.weight": "head.weight"}


def test_what_stands_beside_the_encoder_is_left_out():
    theirs = ["module.backbone.conv1.weight", "module.projector.0.weight", "module.bn.running_mean"]
    assert recognise(theirs, OURS) == dict(zip(theirs, ["conv1.weight", None, None], strict=True))


@pytest.mark.parametrize(
    "theirs",
    [
        ["conv1.weight", "module.bn1.weight"],  # a prefix on a part of the names alone
        ["conv1.weight", "0.weight"],  # two names of one tensor
        ["encoder.stem.weight", "fc.weight"],  # another network
        ["module.module", "encoder"],
    ],
)
def test_names_that_do_not_fit_stay_as_they_are(theirs):
    names = recognise(theirs, OURS)
    assert [name for name in names.values() if name] == [k for k in theirs if names[k]]
    assert names.keys() == set(theirs)
    assert theirs[1] in names.values()


def test_an_encoder_may_have_names_with_a_prefix_of_its_own():
    theirs = ["encoder.block.weight", "module.x"]
    assert recognise(theirs, ["encoder.block.weight"])["encoder.block.weight"] == theirs[0]


def test_no_names_no_end_of_the_world():
    assert recognise([], OURS) == {}
