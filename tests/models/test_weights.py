"""Files that load, and a sentence for each that must not."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from twinlens.errors import UserError
from twinlens.files import sha256
from twinlens.models import weights as module
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.published import WEIGHTS, Published
from twinlens.models.tensor_files import save_tensors
from twinlens.models.weights import cached, default_encoder, load_weights
from twinlens.records.weights import (
    EncoderHeader,
    InitialWeights,
    Normalisation,
    TrainedOn,
    WeightsOrigin,
)

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def encoder(tiny) -> Encoder:
    return build_encoder(tiny, seed=0)


@pytest.fixture
def other(tiny) -> Tensors:
    """Weights of another seed, as a published file would hold them."""
    state = build_encoder(tiny, seed=1).state_dict()
    return {key: tensor.contiguous() for key, tensor in state.items()}


def assert_loaded(encoder: Encoder, tensors: Tensors) -> None:
    state = encoder.state_dict()
    for key, tensor in tensors.items():
        assert torch.equal(state[key], tensor), key


def test_random_leaves_the_encoder_as_built(encoder):
    before = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
    assert load_weights(encoder, "random") == InitialWeights(name="random")
    assert_loaded(encoder, before)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".pth.tar"])
def test_loads_every_kind_of_file(encoder, other, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    save_file(other, path) if suffix == ".safetensors" else torch.save(other, path)
    initial = load_weights(encoder, str(path))
    assert_loaded(encoder, other)
    assert initial == InitialWeights(name=str(path), sha256=sha256(path), matched=len(other))


HEADER = EncoderHeader(
    version="0.1.0",
    encoder="tiny",
    method="byol",
    epochs=3,
    kept="last",
    stopped=None,
    images=9,
    normalisation=Normalisation(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)),
    origin=WeightsOrigin(
        source="hf-hub:a/b",
        normalisation=Normalisation(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)),
        interpolation="bicubic",
        warning="They may have seen yours.",
    ),
    history=(
        TrainedOn(data_hash="d1", split_hash="s1", transductive=True),
        TrainedOn(data_hash="d0", split_hash="s0"),
    ),
)


def test_a_pretrained_encoder_brings_normalisation_history_and_origin(
    encoder, other, tmp_path, capsys
):
    save_tensors(tmp_path / "w.safetensors", other, {"twinlens": HEADER.model_dump_json()})
    initial = load_weights(encoder, tmp_path / "w.safetensors")
    assert (encoder.mean, encoder.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert (initial.history, initial.origin) == (HEADER.history, HEADER.origin)
    assert "WARNING: They may have seen yours.\n" in capsys.readouterr().err


def test_without_our_header_the_encoder_keeps_its_normalisation(encoder, other, tmp_path):
    before = encoder.mean, encoder.std
    save_tensors(tmp_path / "w.safetensors", other, {"mean": "[0.1, 0.2, 0.3]"})
    assert load_weights(encoder, tmp_path / "w.safetensors").history == ()
    assert (encoder.mean, encoder.std) == before


@pytest.mark.parametrize(("old", "new"), [("true", "17"), ("[0.1,0.2,0.3]", "[0.1]")])
def test_a_damaged_header_is_refused_and_the_encoder_stays(encoder, other, tmp_path, old, new):
    before = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
    header = HEADER.model_dump_json().replace(old, new)
    save_tensors(tmp_path / "w.safetensors", other, {"twinlens": header})
    with pytest.raises(UserError, match=r"The header of .*w\.safetensors is damaged"):
        load_weights(encoder, tmp_path / "w.safetensors")
    assert_loaded(encoder, before)


@pytest.mark.parametrize("head", ["fc", "classifier", "head"])
def test_drops_a_classifier_and_reports_it(encoder, other, tmp_path, head):
    extra = {f"{head}.weight": torch.zeros(10, 4), f"{head}.bias": torch.zeros(10)}
    save_file(other | extra, tmp_path / "w.safetensors")
    initial = load_weights(encoder, tmp_path / "w.safetensors")
    assert initial.dropped == tuple(sorted(extra))
    assert initial.matched == len(other)


def test_says_what_was_matched(encoder, other, tmp_path, capsys):
    saved = {f"module.{key}": tensor for key, tensor in other.items()}
    saved |= {"module.fc.weight": torch.zeros(10, 4), "module.fc.bias": torch.zeros(10)}
    torch.save({"model": saved, "epoch": 9}, tmp_path / "full.pth")
    load_weights(encoder, tmp_path / "full.pth")
    assert_loaded(encoder, other)
    said = "full.pth: loaded 6 of 6 tensors; dropped module.fc.weight, module.fc.bias\n"
    assert capsys.readouterr().err == said


def test_counters_that_a_file_lacks_are_not_counted(encoder, other, tmp_path, capsys):
    save_file(
        {k: t for k, t in other.items() if "num_batches" not in k}, tmp_path / "w.safetensors"
    )
    load_weights(encoder, tmp_path / "w.safetensors")
    assert "loaded 5 of 5 tensors\n" in capsys.readouterr().err


def test_a_full_checkpoint_of_fastai_keys_loads_the_same_network(tmp_path):
    first, second = (build_encoder("resnet18", seed) for seed in (0, 1))
    index = {"conv1": "0", "bn1": "1"} | {f"layer{n}": str(n + 3) for n in range(1, 5)}
    saved = {"projector.0.weight": torch.zeros(3)}
    for key, tensor in first.state_dict().items():
        layer, _, rest = key.partition(".")
        saved[f"encoder.{index[layer]}.{rest}"] = tensor
    torch.save(saved, tmp_path / "twins.pth")
    initial = load_weights(second, tmp_path / "twins.pth")
    assert initial.dropped == ("projector.0.weight",)
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(first.eval()(images), second.eval()(images))


def test_old_files_lack_num_batches_tracked(encoder, other, tmp_path):
    old = {key: tensor for key, tensor in other.items() if "num_batches" not in key}
    torch.save(old, tmp_path / "w.pth")
    load_weights(encoder, tmp_path / "w.pth")
    assert_loaded(encoder, old)


def test_refuses_other_shapes_missing_and_unknown_tensors(encoder, other, tmp_path):
    path = tmp_path / "w.safetensors"
    wrong = {"conv1.weight": torch.zeros(8, 3, 3, 3), "stem.scale": torch.zeros(2, 4)}
    save_file(wrong, path)
    before = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
    with pytest.raises(UserError) as caught:
        load_weights(encoder, path)
    assert str(caught.value) == (
        f"{path} does not fit the encoder tiny: "
        "1 of another shape: conv1.weight is 8x3x3x3 instead of 4x3x3x3; "
        "4 missing: bn1.weight (4), bn1.bias (4), bn1.running_mean (4) and 1 more; "
        "1 unknown to it: stem.scale (2x4). "
        "Choose the encoder that the weights were made for, or other weights."
    )
    assert_loaded(encoder, before)


def test_missing_file_and_folder(encoder, tmp_path):
    with pytest.raises(UserError, match="neither 'random' nor 'pretrained' nor a file"):
        load_weights(encoder, "resnet50.pth")
    with pytest.raises(UserError, match="is not a file"):
        load_weights(encoder, tmp_path)
    with pytest.raises(UserError, match=r"weights list' shows. Did you mean 'barlow_twins'"):
        load_weights(encoder, "barlow-twins")


@pytest.fixture
def published(tiny, other, tmp_path, monkeypatch) -> Path:
    """The right file of the published weights 'ours', which is not in the cache yet."""
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "right.pth"
    torch.save(other | {"fc.weight": torch.ones(2, 4)}, file)
    total = sum(other[key].double().sum().item() for key in ("conv1.weight", "bn1.weight"))
    entry = Published(
        address="https://example.org/files/tiny.pth",
        encoder=tiny,
        keys="ours",
        source="A test.",
        licence="none",
        size=file.stat().st_size,
        sha256=sha256(file)[:10],
        total=total,
        mean=(0.1, 0.2, 0.3),
        std=(0.4, 0.5, 0.6),
    )
    monkeypatch.setitem(WEIGHTS, "ours", entry)
    return file


def without_network(*_: object, **__: object) -> None:
    raise AssertionError("nothing is to be downloaded")


def test_a_published_file_put_in_the_cache_by_hand_is_used(encoder, other, published, monkeypatch):
    monkeypatch.setattr(module, "download", without_network)
    cached("ours").parent.mkdir()
    published.rename(cached("ours"))
    initial = load_weights(encoder, "ours")
    assert_loaded(encoder, other)
    assert (encoder.mean, encoder.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert initial.name == "ours"
    assert initial.dropped == ("fc.weight",)


def test_a_missing_published_file_is_downloaded_once(encoder, other, published, monkeypatch):
    calls = []

    def deliver(address, path, *, flaw, size):
        calls.append((address, size))
        path.parent.mkdir()
        path.write_bytes(published.read_bytes())
        assert flaw(path) == ""

    monkeypatch.setattr(module, "download", deliver)
    for _ in range(2):
        load_weights(encoder, "ours")
    assert_loaded(encoder, other)
    assert calls == [("https://example.org/files/tiny.pth", published.stat().st_size)]


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, "it has 3 bytes instead of"),
        ({"size": None}, "its sha256 begins with ba7816bf instead of"),
        ({"size": None, "sha256": ""}, "is damaged or no file of torch.save"),
    ],
)
def test_a_wrong_file_in_the_cache_is_refused(encoder, published, monkeypatch, known, words):
    monkeypatch.setitem(WEIGHTS, "ours", WEIGHTS["ours"].model_copy(update=known))
    cached("ours").parent.mkdir()
    cached("ours").write_bytes(b"abc")
    before = encoder.state_dict()["conv1.weight"].clone()
    with pytest.raises(UserError, match=f"{words}.*delete it to have it downloaded again"):
        load_weights(encoder, "ours")
    assert torch.equal(encoder.state_dict()["conv1.weight"], before)


def test_a_file_of_another_sum_is_refused(encoder, other, published, monkeypatch):
    monkeypatch.setitem(
        WEIGHTS, "ours", WEIGHTS["ours"].model_copy(update={"size": None, "sha256": ""})
    )
    cached("ours").parent.mkdir()
    torch.save(other | {"bn1.bias": other["bn1.bias"] + 0.02}, cached("ours"))
    with pytest.raises(UserError, match=r"its parameters sum to .* instead of"):
        load_weights(encoder, "ours")
    torch.save(other | {"bn1.bias": other["bn1.bias"] + 0.01}, cached("ours"))
    load_weights(encoder, "ours")  # 4 x .01 is within what float32 sums differ by


def test_published_weights_tell_their_encoder():
    assert default_encoder("dinov2_base_reg") == "timm/vit_base_patch14_reg4_dinov2.lvd142m"
    assert default_encoder("random") == default_encoder("some/file.pth") == "resnet50"


@pytest.fixture
def vit(hub) -> Tensors:
    """The weights of timm/test_vit as timm publishes them, in the hub's cache."""
    state = build_encoder("timm/test_vit", seed=1).state_dict()
    saved = {key: tensor.contiguous() for key, tensor in state.items()}
    classifier = {"head.weight": torch.zeros(1000, 64), "head.bias": torch.zeros(1000)}
    save_file(saved | classifier, hub("timm/test_vit.r160_in1k") / "model.safetensors")
    return saved


@pytest.mark.parametrize("name", ["timm/test_vit", "timm/test_vit.r160_in1k:cls+mean"])
def test_pretrained_loads_what_timm_publishes_from_the_hub(vit, tmp_path, capsys, name):
    encoder = build_encoder(name, seed=0)
    initial = load_weights(encoder, "pretrained")
    assert_loaded(encoder, vit)
    assert "WARNING" not in capsys.readouterr().err
    folder = tmp_path / "hub" / "models--timm--test_vit.r160_in1k" / "snapshots" / ("0" * 40)
    cfg = encoder.network.pretrained_cfg
    assert initial == InitialWeights(
        name="pretrained",
        sha256=sha256(folder / "model.safetensors"),
        matched=len(vit),
        dropped=("head.bias", "head.weight"),
        origin=WeightsOrigin(
            source="hf-hub:timm/test_vit.r160_in1k",
            licence="apache-2.0",
            input_size=160,
            normalisation=Normalisation(mean=cfg["mean"], std=cfg["std"]),
            interpolation="bicubic",
            images="ImageNet-1k",
        ),
    )


def test_a_wrong_file_in_the_hubs_cache_is_refused(vit, tmp_path):
    encoder = build_encoder("timm/test_vit", seed=0)
    folder = next(tmp_path.glob("hub/*/snapshots/*"))
    save_file({key: vit[key] for key in vit if "blocks.5" not in key}, folder / "model.safetensors")
    with pytest.raises(UserError, match=r"model.safetensors does not fit .*test_vit: 12 missing"):
        load_weights(encoder, "pretrained")
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs")
    with pytest.raises(UserError, match="a Git LFS pointer"):
        load_weights(encoder, "pretrained")


def on_the_hub(**changes: object) -> Published:
    fields = {"encoder": "timm/test_vit", "hub": "a/b", "keys": "timm's", "licence": "MIT"}
    return Published(**(fields | {"source": "A test.", "images": "isicarchive"} | changes))


def test_a_name_loads_a_repository_and_warns_of_images_that_it_may_have_seen(
    hub, vit, monkeypatch, capsys
):
    monkeypatch.setitem(WEIGHTS, "ours", on_the_hub(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)))
    save_file(vit, hub("a/b") / "model.safetensors")
    assert cached("ours").is_file()
    encoder = build_encoder("timm/test_vit:mean", seed=0)
    origin = load_weights(encoder, "ours").origin
    assert_loaded(encoder, vit)
    assert (encoder.mean, encoder.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert (origin.source, origin.licence) == ("hf-hub:a/b", "MIT")
    assert origin.normalisation == Normalisation(mean=encoder.mean, std=encoder.std)
    assert origin.warning == (
        "The weights ours were trained on LAION-2B, then on images of the ISIC archive with "
        "reports that GPT-4V wrote, which may include images of ISIC: if your test images are "
        "among them, the scores are too high."
    )
    assert f"WARNING: {origin.warning}\n" in capsys.readouterr().err


def test_a_gated_file_is_asked_for_and_taken_once_it_is_there(hub, vit, monkeypatch, tmp_path):
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(WEIGHTS, "ours", on_the_hub(gated="https://example.org/accept"))
    encoder = build_encoder("timm/test_vit", seed=0)
    words = "do so at https://example.org/accept, and put .*test_vit, or .*hub:a/b, at .*ours.safe"
    with pytest.raises(UserError, match=words):
        load_weights(encoder, "ours")
    save_file(vit, hub("a/b") / "model.safetensors")
    load_weights(encoder, "ours")
    assert_loaded(encoder, vit)
    (tmp_path / "cache").mkdir()
    torch.save({key: 2 * tensor for key, tensor in vit.items()}, tmp_path / "cache" / "ours.pth")
    assert load_weights(encoder, "ours").origin.licence == "MIT"
    assert_loaded(encoder, {key: 2 * tensor for key, tensor in vit.items()})


def test_published_weights_of_another_encoder_are_refused_before_any_download(encoder, monkeypatch):
    monkeypatch.setattr(module, "download", without_network)
    with pytest.raises(UserError, match="for the encoder resnet50, not tiny: choose --encoder"):
        load_weights(encoder, "vicreg")
