import pytest
import torch

from twinlens.errors import UserError
from twinlens.models.encoders import build_encoder
from twinlens.models.origin import origin_of, pretrained_file, weight_names
from twinlens.models.published import WEIGHTS


def test_weights_at_an_address_are_downloaded_by_timm(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    torch.save({}, tmp_path / "vit.pth")
    encoder = build_encoder("timm/test_vit", seed=0)
    encoder.network.pretrained_cfg = {"url": (tmp_path / "vit.pth").as_uri()}
    path = pretrained_file(encoder)
    assert path == tmp_path / "torch" / "hub" / "checkpoints" / "vit.pth"
    assert origin_of(encoder, "pretrained", "").source == (tmp_path / "vit.pth").as_uri()
    encoder.network.pretrained_cfg = {"url": (tmp_path / "missing.pth").as_uri()}
    with pytest.raises(
        UserError, match=r"missing.pth could not be downloaded.*checkpoints/missing"
    ):
        pretrained_file(encoder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet18", "choose supervised_resnet18"),
        ("timm/test_mambaout", "choose random, or a file"),
    ],
)
def test_an_encoder_without_weights_of_its_own_is_a_sentence(name, words):
    encoder = build_encoder(name, seed=0)
    if name.startswith("timm/"):
        encoder.network.pretrained_cfg = {}
    with pytest.raises(UserError, match=f"{name} comes without weights of its own.*{words}"):
        pretrained_file(encoder)


def test_safetensors_come_first():
    assert weight_names(None) == weight_names("pytorch_model.bin")
    assert weight_names(None)[0] == "model.safetensors"
    assert weight_names("open_clip_pytorch_model.bin")[0] == "open_clip_model.safetensors"
    assert weight_names("special.pth") == ("special.pth",)


def test_a_name_of_the_table_is_described_by_it_under_either_name():
    with torch.device("meta"):
        encoder = build_encoder("timm/vit_small_patch14_dinov2.lvd142m", seed=0)
    named, own = (origin_of(encoder, name, "") for name in ("dinov2_small", "pretrained"))
    assert named.licence == own.licence == "Apache-2.0"
    assert named.input_size == 518
    assert "LVD-142M" in named.images
    assert "which may include public images" in own.warning
    assert origin_of(encoder, "some/file.pth", "0" * 64) is None


def test_a_file_is_known_by_its_hash():
    with torch.device("meta"):
        encoder = build_encoder("timm/vit_base_patch14_dinov2.lvd142m", seed=0)
    digest = WEIGHTS["dinov2_base"].sha256
    known = origin_of(encoder, "some/file.safetensors", digest)
    assert known.licence == "Apache-2.0"
    assert known.warning.startswith("The weights file.safetensors were trained on LVD-142M")
