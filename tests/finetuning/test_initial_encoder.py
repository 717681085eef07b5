import pytest
import torch
from safetensors.torch import load_file

from twinlens.errors import UserError
from twinlens.finetuning.train import train
from twinlens.pretraining.pretrain import pretrain
from twinlens.pretraining.seen_images import read_seen
from twinlens.records.run import read_run


def test_it_starts_from_a_pretraining_run(phantoms, tmp_path):
    settings = {"epochs": 0, "batch_size": 32, "projector": [8], "monitor_points": 0}
    settings |= {"frozen_batchnorm": False}
    first = pretrain(
        phantoms,
        tmp_path / "pre",
        encoder="resnet18_quarter",
        settings=settings,
        seed=8,
        device="cpu",
    )
    run = train(
        phantoms,
        tmp_path / "run",
        pretrained=first,
        settings={"tuning": "linear_probe"},
        device="cpu",
    )
    theirs = load_file(first / "encoder.safetensors")
    ours = load_file(run / "model" / "model.safetensors")
    assert all(torch.equal(theirs[name], ours[f"encoder.{name}"]) for name in theirs)
    assert read_run(run).pretraining == read_run(first)
    with pytest.raises(UserError, match="a pretraining of the encoder resnet18_quarter"):
        train(phantoms, tmp_path / "other", pretrained=first, encoder="resnet34", device="cpu")
    with pytest.raises(UserError, match="'train' run"):
        train(phantoms, tmp_path / "other", pretrained=run, device="cpu")
    with pytest.raises(UserError, match=r"not a finished run.*no run\.json"):
        train(phantoms, tmp_path / "other", pretrained=phantoms, device="cpu")


@pytest.mark.parametrize("start", ["pretrained", "weights"])
def test_a_pretraining_that_saw_the_test_images_at_another_size_is_said(
    two_sizes, tmp_path, capsys, start
):
    smaller, larger = two_sizes
    settings = {"epochs": 0, "projector_epochs": 0, "batch_size": 32, "projector": [8]}
    first = pretrain(
        smaller, tmp_path / "first", encoder="resnet18_quarter", device="cpu",
        settings=settings | {"monitor_points": 0},
    )  # fmt: skip
    place = first if start == "pretrained" else str(first / "encoder.safetensors")
    run = train(
        larger, tmp_path / "run", encoder="resnet18_quarter", device="cpu",
        settings={"tuning": "linear_probe"}, **{start: place},
    )  # fmt: skip
    record = read_run(run)
    assert record.initial_weights.recognised == {"val": 0, "test": 20}
    assert record.transductive
    assert "20 of the 40 test images" in capsys.readouterr().err
    settings |= {"batch_size": 16}
    again = pretrain(
        larger, tmp_path / "again", encoder="resnet18_quarter", device="cpu",
        weights=str(first / "encoder.safetensors"), settings=settings | {"monitor_points": 0},
    )  # fmt: skip
    assert read_run(again).transductive
    assert len(read_seen(again)) == 80 + 40


def test_views_cannot_grow_where_the_encoder_resizes_them(phantoms, tmp_path):
    with pytest.raises(UserError, match=r"resnet18_quarter:24 resizes every image to 24 pixels"):
        train(
            phantoms, tmp_path / "run", encoder="resnet18_quarter:24", device="cpu",
            settings={"progressive_from": 16},
        )  # fmt: skip
