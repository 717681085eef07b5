"""The code on a card, run as it is written there, gives the features that we compute."""

import re
from pathlib import Path

import pytest
import torch

from twinlens.pretraining.card import write_card
from twinlens.pretraining.pretrain import pretrain
from twinlens.pretraining.pretrained_encoder import pretrained_encoder
from twinlens.views.view import normalise

pytestmark = pytest.mark.peers

SETTINGS = {"epochs": 1, "batch_size": 64, "projector": [16], "lr": 1e-3, "precision": "fp32"}
SETTINGS |= {"monitor_points": 1}


@pytest.mark.parametrize(
    ("encoder", "packages"),
    [("resnet18", ["torchvision", "timm"]), ("timm/mobilenetv3_small_050", ["timm"])],
)
def test_the_blocks_of_a_card_give_our_features(
    phantoms: Path, tmp_path: Path, monkeypatch, encoder, packages
):
    run = pretrain(phantoms, tmp_path / "run", encoder=encoder, settings=SETTINGS, device="cpu")
    ours, _, record = pretrained_encoder(run)
    write_card(run, record)
    images = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = ours.eval()(normalise(images, ours.mean, ours.std))
    card = (run / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"### With (\w+)\n\n```python\n(.*?)```", card, re.DOTALL)
    assert [name for name, _ in blocks] == packages
    monkeypatch.chdir(run)
    for _, block in blocks:
        found = {"images": images}
        exec(compile(block, "README", "exec"), found)
        torch.testing.assert_close(found["features"], expected, rtol=1e-5, atol=1e-5)
