"""Files of the Hugging Face hub, by its own client and cache, and the configs of its models."""

from collections.abc import Sequence
from importlib.util import find_spec
from json import JSONDecodeError, loads
from pathlib import Path
from typing import Any

from twinlens.errors import UserError, require

TIMM_FILES = ("model.safetensors", "pytorch_model.bin")
CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""Names of the weight files of timm's (and transformers') and of open_clip's repositories."""

_PLAIN_TOWER = {"image_size", "layers", "width", "patch_size", "head_width", "mlp_ratio"}
_WITHOUT_EFFECT = {"patch_dropout", "output_tokens"}
_TRANSFORMERS_DEFAULTS: dict[str, Any] = {
    "image_size": 224,
    "patch_size": 32,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "quick_gelu",
}
"""What a config of transformers leaves out: the values of CLIPVisionConfig."""

_OPENAI: dict[str, Any] = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
    "interpolation": "bicubic",
}
"""What a config of open_clip leaves out: the values of OpenAI's CLIP."""

_RESAMPLE = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers


def hub_file(repository: str, names: Sequence[str]) -> Path:
    """Return a file of a repository from the hub's cache, downloaded if it is missing.

    Args:
        repository: ``OWNER/NAME``, or ``OWNER/NAME@REVISION``.
        names: Names that the file may have; the first that exists is taken.

    Raises:
        UserError: It is not in the cache and cannot be downloaded; the sentence says where to get
            it and where to put it.
    """
    hub = require("huggingface_hub", extra="timm")
    path = cached_hub_file(repository, names)
    if path is not None:
        return path
    owner_and_name, _, revision = repository.partition("@")
    reason = f"the repository has no {' or '.join(names)}"
    for name in names:
        if _known_missing(repository, name):
            continue
        try:
            return Path(hub.hf_hub_download(owner_and_name, name, revision=revision or None))
        except hub.errors.LocalEntryNotFoundError:
            reason = "no connection"
            break
        except hub.errors.GatedRepoError:
            reason = "its licence has to be accepted first, with an account of the hub"
            break
        except hub.errors.EntryNotFoundError:
            continue
        except (hub.errors.RepositoryNotFoundError, hub.errors.RevisionNotFoundError):
            reason = "there is no such repository, or it is not public"
            break
        except OSError as error:  # of the server, or of the disk
            reason = str(error).partition("\n")[0]
            break
    folder = hub_cache(repository)
    by_name = "" if names[0].endswith(".json") else "name it here by --weights FILE, or "
    raise UserError(
        f"{names[0]} of hf-hub:{repository} could not be downloaded ({reason}): on a machine with "
        f"a connection, fetch {hub.constants.ENDPOINT}/{owner_and_name}/resolve/"
        f"{revision or 'main'}/{names[0]} with the hub's client, and {by_name}copy the folder "
        f"{folder.name} of that machine's hub cache to {folder.parent}."
    )


def hub_cache(repository: str) -> Path:
    """Return the folder of a repository in the hub's cache."""
    name = f"models--{repository.partition('@')[0].replace('/', '--')}"
    if find_spec("huggingface_hub") is None:
        return Path.home() / ".cache" / "huggingface" / "hub" / name
    cache: str = require("huggingface_hub", extra="timm").constants.HF_HUB_CACHE
    return Path(cache) / name


def cached_hub_file(repository: str, names: Sequence[str]) -> Path | None:
    """Return a file of a repository that the hub's cache holds, or None."""
    if find_spec("huggingface_hub") is None:
        return None
    for name in names:
        found = _in_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    return None


def _known_missing(repository: str, name: str) -> bool:
    """Whether the hub's client has noted that a repository has no such file."""
    found = _in_cache(repository, name)
    return found is not None and not isinstance(found, str)


def _in_cache(repository: str, name: str) -> Any:
    hub = require("huggingface_hub", extra="timm")
    owner_and_name, _, revision = repository.partition("@")
    try:
        return hub.try_to_load_from_cache(owner_and_name, name, revision=revision or None)
    except hub.errors.HFValidationError as error:
        raise UserError(f"hf-hub:{repository} names no repository ({error}).") from error


def model_config(repository: str) -> dict[str, Any]:
    """Read how the model of a repository is built: timm's own, open_clip's, or transformers' CLIP.

    The image tower of a CLIP is a vision transformer of timm, without its projection.

    Returns:
        timm's form: "architecture", "model_args", and "pretrained_cfg" with "input_size", "mean",
        "std", "interpolation" and "hf_hub_id", where the weights are.

    Raises:
        UserError: It cannot be downloaded, or is of another kind.
    """
    path = hub_file(repository, ("config.json", "open_clip_config.json"))
    config = _read(path)
    if path.name == "config.json" and "architecture" not in config:  # open_clip has both files
        try:
            path = hub_file(repository, ("open_clip_config.json",))
        except UserError:
            if "vision_config" not in config:
                raise
        config = _read(path)
    try:
        if path.name == "open_clip_config.json":
            built = _open_clip(
                repository, config if "model_cfg" in config else {"model_cfg": config}
            )
        elif "architecture" in config:
            built = {"pretrained_cfg": config} | config
        else:
            preprocessing = _read(hub_file(repository, ("preprocessor_config.json",)))
            built = _transformers_clip(config["vision_config"], preprocessing)
    except KeyError as error:
        raise UserError(
            f"hf-hub:{repository} is no model of timm, open_clip or transformers' CLIP "
            f"({path.name} lacks {error}): choose another encoder."
        ) from error
    built["pretrained_cfg"] = built["pretrained_cfg"] | {"hf_hub_id": repository}
    return built


def _read(path: Path) -> dict[str, Any]:
    try:
        content = loads(path.read_text(encoding="utf-8"))
    except (JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path} is damaged ({error}): delete it to download it again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is no model's config: it holds no mapping.")
    return content


def _open_clip(repository: str, config: dict[str, Any]) -> dict[str, Any]:
    model, images = config["model_cfg"], _OPENAI | config.get("preprocess_cfg", {})
    tower = {key: value for key, value in model["vision_cfg"].items() if value is not None}
    pretrained = {key: images[key] for key in _OPENAI}
    pretrained["input_size"] = [3, tower["image_size"], tower["image_size"]]
    pretrained["hf_hub_filename"] = CLIP_FILES[-1]
    if "timm_model_name" in tower:
        pool = tower.get("timm_pool")
        arguments = {"global_pool": pool} if pool in ("avg", "token", "map") else {}
        return {
            "architecture": tower["timm_model_name"],
            "model_args": arguments,
            "pretrained_cfg": pretrained,
        }
    unusual = sorted(tower.keys() - _PLAIN_TOWER - _WITHOUT_EFFECT)
    if unusual or not isinstance(tower["layers"], int):
        raise UserError(
            f"The image tower of hf-hub:{repository} is no plain vision transformer "
            f"({', '.join(unusual) or 'a ResNet'}): choose another encoder."
        )
    shape = {
        "img_size": tower["image_size"],
        "patch_size": tower["patch_size"],
        "embed_dim": tower["width"],
        "depth": tower["layers"],
        "num_heads": tower["width"] // tower.get("head_width", 64),
        "mlp_ratio": tower.get("mlp_ratio", 4.0),
        "act_layer": "quick_gelu" if model.get("quick_gelu") else "gelu",
    }
    return _clip_tower(shape, pretrained)


def _transformers_clip(tower: dict[str, Any], images: dict[str, Any]) -> dict[str, Any]:
    tower = _TRANSFORMERS_DEFAULTS | tower
    shape = {
        "img_size": tower["image_size"],
        "patch_size": tower["patch_size"],
        "embed_dim": tower["hidden_size"],
        "depth": tower["num_hidden_layers"],
        "num_heads": tower["num_attention_heads"],
        "mlp_ratio": tower["intermediate_size"] / tower["hidden_size"],
        "act_layer": tower["hidden_act"],
    }
    pretrained = {
        "mean": images["image_mean"],
        "std": images["image_std"],
        "interpolation": _RESAMPLE.get(images.get("resample", 3), "bicubic"),
        "input_size": [3, tower["image_size"], tower["image_size"]],
    }
    return _clip_tower(shape, pretrained)


def _clip_tower(shape: dict[str, Any], pretrained: dict[str, Any]) -> dict[str, Any]:
    # Of this architecture only what `shape` leaves out remains: a normalisation before the blocks.
    return {
        "architecture": "vit_base_patch16_clip_224",
        "model_args": shape,
        "pretrained_cfg": pretrained,
    }
