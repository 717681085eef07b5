import json
import pickle
from zipfile import is_zipfile

import numpy as np
import pytest
import torch

from twinlens.errors import UserError
from twinlens.files import sha256
from twinlens.models.bundle import load_bundle, load_index, read_info, save_bundle
from twinlens.models.embedding_index import EmbeddingIndex
from twinlens.models.encoders import build_encoder
from twinlens.models.heads import classifier, mlp_classifier
from twinlens.models.tensor_files import read_tensors, save_tensors
from twinlens.records.bundle import VERSION


@pytest.fixture
def model(tiny):
    encoder = build_encoder(tiny, seed=0)
    encoder.mean, encoder.std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    encoder(torch.rand(4, 3, 32, 32))  # so that BatchNorm's buffers are not the initial ones
    return encoder, classifier(encoder.feature_dim, 2, seed=0)


@pytest.fixture
def folder(model, make_info, tmp_path):
    save_bundle(tmp_path / "model", *model, make_info())
    return tmp_path / "model"


def test_a_bundle_predicts_as_the_model_did(model, folder):
    encoder, head = model
    bundle = load_bundle(folder)
    images = torch.rand(2, 3, 64, 64)
    encoder.eval()
    with torch.no_grad():
        assert torch.equal(bundle.head(bundle.encoder(images)), head(encoder(images)))
    assert not bundle.encoder.training
    assert not bundle.head.training
    assert bundle.encoder.name == "tiny"
    assert (bundle.encoder.mean, bundle.encoder.std) == ((0.0,) * 3, (1.0,) * 3)


def test_a_bundle_keeps_its_description(folder, make_info):
    info = load_bundle(folder).info
    assert (info.version, info.sha256) == (VERSION, sha256(folder / "model.safetensors"))
    assert info == make_info(version=info.version, sha256=info.sha256)
    assert {"encoder.conv1.weight", "head.bias"} <= read_tensors(
        folder / "model.safetensors"
    ).keys()


def test_a_bundle_knows_its_head(model, make_info, tmp_path):
    encoder, head = model[0], mlp_classifier(4, 2, seed=1)
    save_bundle(tmp_path / "model", encoder, head, make_info(head="mlp"))
    features = torch.rand(3, 4)
    assert torch.equal(load_bundle(tmp_path / "model").head(features), head(features))
    edit(tmp_path / "model", head="tree")
    with pytest.raises(UserError, match=r"Unknown head 'tree'\. Valid: linear, mlp"):
        load_bundle(tmp_path / "model")


def test_an_encoder_of_the_hub_is_loaded_without_the_hub(make_info, tmp_path, hub):
    images = {"input_size": [3, 56, 56], "mean": [0.5] * 3, "std": [0.5] * 3}
    config = {
        "architecture": "vit_small_patch14_reg4_dinov2",
        "model_args": {"img_size": 56, "depth": 1, "embed_dim": 32, "num_heads": 2},
        "pretrained_cfg": images,
    }
    name = "hf-hub:someone/network:cls+mean"
    encoder = build_encoder(name, seed=0, config=config).eval()
    head = classifier(64, 2, seed=0)
    save_bundle(tmp_path / "model", encoder, head, make_info(encoder=name))
    images = torch.rand(2, 3, 64, 64)
    assert torch.equal(load_bundle(tmp_path / "model").encoder(images), encoder(images))


@pytest.mark.parametrize("version", [1, 2])
def test_older_bundles_are_read(folder, version):
    content = json.loads((folder / "bundle.json").read_text())
    lacking = {
        1: ("version", "sha256", "notice", "metrics"),
        2: ("prediction_sets", "index_sha256", "unlike_threshold"),
    }
    for later in range(version, VERSION):
        for name in lacking[later]:
            del content[name]
    if version > 1:
        content["version"] = version
    (folder / "bundle.json").write_text(json.dumps(content))
    info = load_bundle(folder).info
    assert (info.version, info.prediction_sets) == (version, None)
    assert load_index(folder, info) is None


def test_a_bundle_carries_its_training_images_as_features_alone(model, make_info, tmp_path):
    path, index = tmp_path / "model", EmbeddingIndex(np.eye(3), [*"abc"], ["MEL", "NV", "NV"])
    save_bundle(path, *model, make_info(), index)
    info = load_bundle(path).info
    assert info.index_sha256 == sha256(path / "index.safetensors")
    assert load_index(path, info).ids == ["a", "b", "c"]
    assert [*read_tensors(path / "index.safetensors")] == ["features"]
    content = (path / "index.safetensors").read_bytes()
    (path / "index.safetensors").write_bytes(content[:-1] + b"?")
    with pytest.raises(UserError, match=r"index\.safetensors is damaged, or of another model"):
        load_bundle(path)
    (path / "index.safetensors").unlink()
    with pytest.raises(UserError, match=r"is incomplete: it lacks index\.safetensors"):
        load_bundle(path)
    save_bundle(path, *model, info)
    assert load_bundle(path).info.index_sha256 is None


def test_a_bundle_holds_neither_pickle_nor_archive(folder):
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["README.md", "bundle.json", "model.safetensors"]
    for path in files:
        assert not is_zipfile(path)
        with pytest.raises(pickle.UnpicklingError):
            pickle.loads(path.read_bytes())


def test_saving_again_replaces_a_bundle_but_nothing_else(model, make_info, folder):
    save_bundle(folder, *model, make_info(size=96))
    assert load_bundle(folder).info.size == 96
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    (folder / "bundle.json").unlink()
    with pytest.raises(UserError, match="not ours to overwrite"):
        save_bundle(folder, *model, make_info())


def edit(folder, **changes) -> None:
    content = json.loads((folder / "bundle.json").read_text()) | changes
    (folder / "bundle.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bundle.json", None, "not a model bundle: it holds no bundle.json"),
        ("bundle.json", b"{", "not valid JSON"),
        ("bundle.json", b"[]", "is damaged, or written by another version of Twinlens"),
        ("bundle.json", b"{}", r"'encoder' \(field required\)"),
        ("bundle.json", b'{"version": 99, "of": "later"}', "has version 99, .* update Twinlens"),
        ("model.safetensors", None, "is incomplete: it lacks model.safetensors"),
        ("model.safetensors", b"", "is damaged, or of another model: its SHA-256"),
    ],
)
def test_damaged_files_are_refused_in_a_sentence(folder, name, content, words):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=words):
        load_bundle(folder)


def test_truncated_and_misfitting_tensors_are_refused(folder):
    path = folder / "model.safetensors"
    tensors = read_tensors(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match="is damaged, or of another model: its SHA-256"):
        load_bundle(folder)
    save_tensors(path, tensors | {"head.weight": torch.zeros(3, 4)})
    edit(folder, sha256=sha256(path))
    with pytest.raises(UserError, match="weight is 3x4 instead of 2x4"):
        load_bundle(folder)


def test_an_unknown_encoder_is_named(folder):
    edit(folder, encoder="resnet81")
    with pytest.raises(UserError, match="Unknown encoder 'resnet81'"):
        load_bundle(folder)


@pytest.mark.parametrize("inside", ["best", "model"])
def test_a_folder_that_holds_a_model_is_told_apart_from_it(inside, tmp_path):
    with pytest.raises(UserError, match=r"holds no bundle\.json\.$"):
        read_info(tmp_path)
    (tmp_path / inside).mkdir()
    with pytest.raises(UserError, match=rf"Name the model in it: .*{inside}\.$"):
        read_info(tmp_path)
