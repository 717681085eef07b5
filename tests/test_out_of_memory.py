"""A device without enough memory: a sentence with the batch that fits, and no silent change."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

import twinlens
from tiny import HOW, tiny_encoder
from twinlens.errors import UserError

SETTINGS = {"epochs": 1, "batch_size": 24, "lr": 1e-3, "precision": "fp32"}


@contextmanager
def little_memory(images: int):
    """Let convolutions of more images fail as they do on a GPU."""
    forward = nn.Conv2d.forward

    def limited(self, x):
        if len(x) > images:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(self, x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Conv2d, "forward", limited)
        yield


@pytest.mark.parametrize(
    ("command", "changes"),
    [
        (twinlens.pretrain, {"projector": [4], "monitor_points": 0}),
        (twinlens.train, {"tta": 1}),
        (twinlens.train, {"tta": 1, "lr": "valley"}),
    ],
)
@pytest.mark.parametrize(("most", "sentence"), [(11, "to 8, the largest"), (1, "to less, or")])
def test_a_training_names_the_batch_that_fits(phantoms, tmp_path, command, changes, most, sentence):
    with (
        tiny_encoder(),
        little_memory(most),
        pytest.raises(UserError, match=f"A batch of 24 images needs.*set batch_size {sentence}"),
    ):
        command(phantoms, tmp_path / "run", settings=SETTINGS | changes, **HOW)
    assert not (tmp_path / "run").exists()


def test_the_batch_that_is_named_does_fit(phantoms, tmp_path):
    settings = SETTINGS | {"tta": 1, "batch_size": 8}
    with tiny_encoder(), little_memory(11):
        twinlens.train(phantoms, tmp_path / "run", settings=settings, **HOW)
    assert (tmp_path / "run" / "run.json").exists()


def test_evaluation_says_that_it_goes_on_with_fewer_images(trained, phantoms, tmp_path, capsys):
    how = {"tta": 1, "device": "cpu"}
    whole = twinlens.evaluate(trained / "model", phantoms, out=tmp_path / "whole", **how)
    capsys.readouterr()
    with little_memory(10):
        parts = twinlens.evaluate(trained / "model", phantoms, out=tmp_path / "parts", **how)
    assert "not enough memory for" in capsys.readouterr().err
    for name, value in whole.metrics.items():
        assert np.isclose(parts.metrics[name], value, atol=1e-4, equal_nan=True), name
    with little_memory(0), pytest.raises(UserError, match="Not even one image fits into memory"):
        twinlens.evaluate(trained / "model", phantoms, out=tmp_path / "none", **how)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("most", "sentence"),
    [(10, "A batch of 64 images needs more memory than there is: --batch-size 8 fits"),
     (0, "choose --device cpu")],
)  # fmt: skip
def test_predict_names_the_batch_that_fits(small_model, phantoms, most, sentence):
    with little_memory(most), pytest.raises(UserError, match=sentence):
        twinlens.predict(small_model, phantoms, tta=1, device="cpu")


def test_serve_tries_its_largest_batch_before_it_starts(small_model):
    pytest.importorskip("uvicorn")
    with (
        little_memory(10),
        pytest.raises(UserError, match=r"--max-batch 16 needs more.*--max-batch 8 fits"),
    ):
        twinlens.serve(small_model, port=0, tta=1, device="cpu")
