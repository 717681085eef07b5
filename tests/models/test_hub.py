import json

import pytest

from twinlens.errors import UserError
from twinlens.models.hub import cached_hub_file, hub_cache, hub_file, model_config

NAMES = ("model.safetensors", "pytorch_model.bin")
MEAN, STD = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]


def test_the_first_name_that_is_cached_is_taken_without_a_network(hub):
    folder = hub("someone/network")
    (folder / "pytorch_model.bin").write_bytes(b"old")
    assert hub_file("someone/network", NAMES).read_bytes() == b"old"
    (folder / "model.safetensors").write_bytes(b"new")
    assert hub_file("someone/network", NAMES).read_bytes() == b"new"
    assert cached_hub_file("someone/network@main", NAMES).read_bytes() == b"new"
    assert cached_hub_file("someone/network@other", NAMES) is None
    assert cached_hub_file("someone/else", NAMES) is None


def test_a_missing_file_is_downloaded_once_by_the_first_name_that_exists(hub_server, tmp_path):
    hub_server["someone/network/resolve/main/pytorch_model.bin"] = b"weights"
    path = hub_file("someone/network", NAMES)
    assert path.read_bytes() == b"weights"
    assert path.is_relative_to(tmp_path / "hub" / "models--someone--network")
    hub_server.clear()
    assert hub_file("someone/network", NAMES) == path


def test_without_a_network_the_sentence_says_which_file_goes_where(hub, tmp_path):
    with pytest.raises(UserError) as caught:
        hub_file("someone/network", NAMES)
    assert str(caught.value) == (
        "model.safetensors of hf-hub:someone/network could not be downloaded (no connection): on a "
        "machine with a connection, fetch "
        "https://huggingface.co/someone/network/resolve/main/model.safetensors with the hub's "
        "client, and name it here by --weights FILE, or copy the folder models--someone--network "
        f"of that machine's hub cache to {tmp_path / 'hub'}."
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("GatedRepo", "its licence has to be accepted first, with an account of the hub"),
        ("RepoNotFound", "there is no such repository, or it is not public"),
        ("EntryNotFound", "the repository has no model.safetensors or pytorch_model.bin"),
        ("RevisionNotFound", "there is no such repository"),
    ],
)
def test_what_the_hub_refuses_is_a_reason(hub_server, answer, reason):
    hub_server["someone/network/resolve/main/model.safetensors"] = answer
    with pytest.raises(UserError, match=reason):
        hub_file("someone/network", NAMES)


def test_without_the_hubs_client_nothing_is_cached(hub, monkeypatch):
    (hub("someone/network") / "model.safetensors").write_bytes(b"new")
    monkeypatch.setattr("twinlens.models.hub.find_spec", lambda _: None)
    assert cached_hub_file("someone/network", NAMES) is None
    assert hub_cache("someone/network").name == "models--someone--network"


def test_a_name_that_is_no_repository_is_refused(hub):
    with pytest.raises(UserError, match="hf-hub:a b names no repository"):
        hub_file("a b", NAMES)


@pytest.mark.parametrize("nested", [True, False])
def test_timms_configs_are_taken_as_they_are(hub, nested):
    images = {"mean": MEAN, "std": STD, "input_size": [3, 32, 32]}
    top = {"pretrained_cfg": images} if nested else images
    (hub("a/b") / "config.json").write_text(json.dumps({"architecture": "resnet18"} | top))
    config = model_config("a/b")
    assert config["architecture"] == "resnet18"
    assert images.items() <= config["pretrained_cfg"].items()
    assert config["pretrained_cfg"]["hf_hub_id"] == "a/b"


OPEN_CLIP = {"image_size": 32, "layers": 2, "width": 48, "patch_size": 8, "head_width": 16}


def test_an_open_clip_tower_is_a_transformer_of_timm(hub):
    folder = hub("a/b")
    (folder / "config.json").write_text("{}")
    model = {"vision_cfg": OPEN_CLIP, "quick_gelu": True}
    images = {"mean": MEAN, "std": STD, "interpolation": "bicubic"}
    config = {"model_cfg": model, "preprocess_cfg": images}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    found = model_config("a/b")
    shape = {"img_size": 32, "depth": 2, "embed_dim": 48, "patch_size": 8, "num_heads": 3}
    assert found["model_args"] == shape | {"mlp_ratio": 4.0, "act_layer": "quick_gelu"}
    assert found["pretrained_cfg"] == images | {
        "input_size": [3, 32, 32],
        "hf_hub_id": "a/b",
        "hf_hub_filename": "open_clip_pytorch_model.bin",
    }


def test_open_clip_is_preferred_to_transformers_and_has_openais_normalisation(hub):
    """Its repositories often hold both configs, and the weights of open_clip alone."""
    folder = hub("a/b")
    (folder / "config.json").write_text(json.dumps({"vision_config": {"patch_size": 14}}))
    (folder / "open_clip_config.json").write_text(json.dumps({"vision_cfg": OPEN_CLIP}))
    found = model_config("a/b")
    assert found["model_args"]["patch_size"] == 8
    assert found["pretrained_cfg"]["mean"][0] == 0.48145466
    assert found["pretrained_cfg"]["hf_hub_filename"] == "open_clip_pytorch_model.bin"


def test_a_file_that_is_known_to_be_missing_is_not_asked_for_again(hub_server):
    hub_server["a/b/resolve/main/config.json"] = json.dumps({"vision_config": {}}).encode()
    images = {"image_mean": MEAN, "image_std": STD}
    hub_server["a/b/resolve/main/preprocessor_config.json"] = json.dumps(images).encode()
    found = model_config("a/b")
    assert (found["model_args"]["embed_dim"], found["pretrained_cfg"]["mean"]) == (768, MEAN)
    hub_server["a/b/resolve/main/open_clip_config.json"] = b"{}"
    assert model_config("a/b") == found


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("open_clip_config.json", {"model_cfg": {"vision_cfg": OPEN_CLIP | {"pool_type": "avg"}}},
         r"no plain vision transformer \(pool_type\)"),
        ("open_clip_config.json", {"model_cfg": {"vision_cfg": OPEN_CLIP | {"layers": [3, 4]}}},
         r"no plain vision transformer \(a ResNet\)"),
        ("open_clip_config.json", {"model_cfg": {}}, "lacks 'vision_cfg'"),
        ("open_clip_config.json", {}, "lacks 'vision_cfg'"),
        ("config.json", {"model_type": "bert"}, r"open_clip_config.json of .*\(no connection\)"),
        ("config.json", [1], "holds no mapping"),
    ],
)  # fmt: skip
def test_other_models_are_refused_in_a_sentence(hub, file, content, words):
    (hub("a/b") / file).write_text(json.dumps(content))
    with pytest.raises(UserError, match=words):
        model_config("a/b")


def test_a_damaged_config_is_refused_in_a_sentence(hub):
    (hub("a/b") / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json is damaged .* delete it"):
        model_config("a/b")
