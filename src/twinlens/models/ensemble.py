"""An ensemble: a folder of bundles whose probabilities are averaged (Majtner et al. 2018)."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from twinlens.config import parse
from twinlens.errors import UserError
from twinlens.files import read_json, write_json
from twinlens.models.bundle import BundleInfo, read_info

ENSEMBLE = "ensemble.json"
_MEMBERS = "members"


class EnsembleInfo(BaseModel):
    """The content of ensemble.json.

    Attributes:
        members: Names of the bundles in the folder ``members``.
        provenance: How the members were chosen.
    """

    members: list[str] = Field(min_length=1)
    provenance: dict[str, Any] = {}


def write_ensemble(
    folder: Path, members: Mapping[str, Path], provenance: Mapping[str, Any]
) -> None:
    """Copy bundles into an empty folder, as an ensemble.

    Args:
        folder: The folder.
        members: For the name of each member its bundle.
        provenance: How they were chosen.

    Raises:
        UserError: A member is no bundle, or they do not belong together.
    """
    _check_alike({name: read_info(path) for name, path in members.items()}, folder)
    for name, path in members.items():
        shutil.copytree(path, folder / _MEMBERS / name)
    content = EnsembleInfo(members=list(members), provenance=dict(provenance))
    write_json(folder / ENSEMBLE, content.model_dump(mode="json"))


def read_members(model: Path) -> dict[Path, BundleInfo]:
    """Read what the bundles of a model say of themselves: of an ensemble, or the model alone.

    They agree in classes, size, precision, data set and split. Load them one after another:
    memory need hold one at a time.

    Args:
        model: Folder of a bundle or of an ensemble.

    Returns:
        Each bundle's folder, and its information.

    Raises:
        UserError: The folder is neither, a member is missing, or they do not belong together.
    """
    path = model / ENSEMBLE
    if not path.is_file():
        return {model: read_info(model)}
    ensemble = parse(EnsembleInfo, read_json(path), where=str(path))
    found = {name: read_info(model / _MEMBERS / name) for name in ensemble.members}
    _check_alike(found, model)
    return {model / _MEMBERS / name: info for name, info in found.items()}


def _check_alike(members: Mapping[str, BundleInfo], folder: Path) -> None:
    (first, theirs), *others = ((name, _identity(info)) for name, info in members.items())
    for name, ours in others:
        differ = [key for key in ours if ours[key] != theirs[key]]
        if differ:
            raise UserError(
                f"The ensemble {folder} cannot average '{first}' and '{name}', which differ in "
                f"{' and '.join(differ)}: leave one of them out."
            )


def _identity(info: BundleInfo) -> dict[str, Any]:
    return {
        "classes": info.classes,
        "size": info.size,
        "precision": info.precision,
        "data set": info.provenance.get("data_hash"),
        "split": info.provenance.get("split_hash"),
    }
