"""A model bundle: the folder that holds a trained model and all that predicting with it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from twinlens.errors import UserError, unknown
from twinlens.files import atomic_folder, lack, read_json, sha256
from twinlens.models.card import write_model_card
from twinlens.models.embedding_index import EmbeddingIndex
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.heads import HEADS
from twinlens.models.match import misfits
from twinlens.models.tensor_files import read_tensors, save_tensors
from twinlens.records.bundle import VERSION, BundleInfo

INFO = "bundle.json"
TENSORS = "model.safetensors"
INDEX = "index.safetensors"


@dataclass(frozen=True)
class Bundle:
    """A trained model on the CPU, in eval mode.

    Attributes:
        encoder: Its mean and std are those of its training.
        head: From features to the logits of ``info.classes``.
        info: The content of bundle.json.
    """

    encoder: Encoder
    head: nn.Module
    info: BundleInfo


def save_bundle(
    folder: Path,
    encoder: Encoder,
    head: nn.Module,
    info: BundleInfo,
    index: EmbeddingIndex | None = None,
) -> None:
    """Write a model bundle, whole or not at all; an older bundle in the folder is replaced.

    It holds bundle.json, the tensors, a model card, and the index if there is one; no pickle. The
    config of an encoder of the hub becomes part of it, so that loading needs no network.

    Raises:
        UserError: The folder holds something else.
    """
    with atomic_folder(folder, marker=INFO, overwrite=True) as work:
        save_tensors(work / TENSORS, _state(encoder, head))
        written = {"config": encoder.config, "version": VERSION, "sha256": sha256(work / TENSORS)}
        if index is not None:
            index.save(work / INDEX)
        written["index_sha256"] = sha256(work / INDEX) if index is not None else None
        write_info(work, info.model_copy(update=written))


def write_info(folder: Path, info: BundleInfo) -> None:
    """Write what describes a bundle: bundle.json, and the card README.md."""
    info.write(folder / INFO)
    write_model_card(folder, info)


def load_bundle(folder: Path) -> Bundle:
    """Read a model bundle.

    Raises:
        UserError: It is missing, incomplete, damaged, or of a newer version.
    """
    info = read_info(folder)
    check_files(folder, info)
    encoder = build_encoder(info.encoder, seed=0, config=info.config)
    encoder.mean, encoder.std = info.normalisation.mean, info.normalisation.std
    head = HEADS[info.head](encoder.feature_dim, len(info.classes), 0)
    tensors = read_tensors(folder / TENSORS)
    problems = misfits(_state(encoder, head), tensors)
    if problems:
        raise UserError(f"{folder / TENSORS} does not fit its {INFO}: {problems}.")
    encoder.load_state_dict(_below("encoder.", tensors))
    head.load_state_dict(_below("head.", tensors))
    return Bundle(encoder.eval(), head.eval(), info)


def load_index(folder: Path, info: BundleInfo) -> EmbeddingIndex | None:
    """Read the index of a bundle that `check_files` accepts; None where it has none."""
    return None if info.index_sha256 is None else EmbeddingIndex.load(folder / INDEX)


def read_info(folder: Path) -> BundleInfo:
    """Read the description of a model bundle; errors as for `load_bundle`."""
    path = folder / INFO
    if not path.is_file():
        inside = [folder / name for name in ("best", "model") if (folder / name).is_dir()]
        hint = f" Name the model in it: {inside[0]}." if inside else ""
        if (folder / "encoder.safetensors").is_file():
            hint = f" It is a pretraining: twinlens train DATA --pretrained {folder} makes a model."
        if (folder / "dataset.json").is_file():
            hint = " It is a data set: name a model, and then data or images."
        raise UserError(f"{folder} is not a model bundle: it {lack(folder, INFO)}.{hint}")
    check_version(path)
    info = BundleInfo.read(path)
    if info.head not in HEADS:
        raise unknown("head", info.head, HEADS)
    return info


def check_version(path: Path) -> None:
    """Refuse a description, bundle.json or ensemble.json, of a version that is not known yet.

    Raises:
        UserError: It is of a newer version, or not JSON.
    """
    content = read_json(path)
    version = content.get("version", 1) if isinstance(content, dict) else 1
    if isinstance(version, int) and version > VERSION:
        raise UserError(
            f"{path} has version {version}, and this Twinlens knows versions up to {VERSION}: "
            "update Twinlens."
        )


def check_files(folder: Path, info: BundleInfo) -> None:
    """Refuse a bundle whose files are not those that its description was written with.

    Raises:
        UserError: A file is missing, or its hash is another.
    """
    expected = {TENSORS: info.sha256}
    if info.index_sha256 is not None:
        expected[INDEX] = info.index_sha256
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{folder} is incomplete: it lacks {name}. Copy the whole folder.")
        if digest is not None and sha256(path) != digest:
            raise UserError(
                f"{path} is damaged, or of another model: its SHA-256 is not the one in {INFO}. "
                "Copy the whole folder again."
            )


def _state(encoder: Encoder, head: nn.Module) -> dict[str, Tensor]:
    state = {f"encoder.{key}": tensor for key, tensor in encoder.state_dict().items()}
    return state | {f"head.{key}": tensor for key, tensor in head.state_dict().items()}


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)}
