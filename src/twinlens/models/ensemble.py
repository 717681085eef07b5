"""Several models as one: bundles whose probabilities, or whose weights, are averaged."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from twinlens.errors import UserError
from twinlens.models.bundle import Bundle, check_version, load_bundle, read_info
from twinlens.models.card import write_model_card
from twinlens.records.bundle import (
    VERSION,
    BundleInfo,
    EnsembleInfo,
    ModelChoice,
    PredictionSets,
)

ENSEMBLE = "ensemble.json"
_MEMBERS = "members"


def write_ensemble(
    folder: Path,
    members: Mapping[str, Path],
    choice: ModelChoice | None = None,
    *,
    temperature: float | None = None,
    prediction_sets: PredictionSets | None = None,
) -> None:
    """Copy bundles into an empty folder, as an ensemble (Majtner et al. 2018).

    Args:
        folder: The folder.
        members: The bundle of each member, by its name.
        choice: How a study chose them.
        temperature: That of the averaged probabilities.
        prediction_sets: Thresholds for them.

    Raises:
        UserError: A member is no bundle, or they do not belong together.
    """
    infos = {name: read_info(path) for name, path in members.items()}
    _check_alike(infos, folder)
    for name, path in members.items():
        shutil.copytree(path, folder / _MEMBERS / name)
    info = EnsembleInfo(
        version=VERSION,
        members=list(members),
        temperature=temperature,
        choice=choice,
        prediction_sets=prediction_sets,
    )
    info.write(folder / ENSEMBLE)
    common: dict[str, Any] = {
        "temperature": temperature,
        "prediction_sets": prediction_sets,
        "choice": choice,
        "metrics": {},
    }
    write_model_card(folder, next(iter(infos.values())).model_copy(update=common), infos)


def read_members(model: Path) -> dict[Path, BundleInfo]:
    """Read the descriptions of a model's bundles: those of an ensemble, or the model alone.

    They agree in classes, size, precision, data set and split. Load them one after another, so
    that memory holds one at a time.

    Args:
        model: Folder of a bundle or of an ensemble.

    Returns:
        The description of each bundle, by its folder.

    Raises:
        UserError: The folder is neither, a member is missing, or they do not belong together.
    """
    path = model / ENSEMBLE
    if not path.is_file():
        return {model: read_info(model)}
    check_version(path)
    return read_alike([model / _MEMBERS / name for name in EnsembleInfo.read(path).members], model)


def read_alike(bundles: Sequence[Path], ensemble: Path) -> dict[Path, BundleInfo]:
    """Read the descriptions of bundles that are to be averaged; errors as above.

    Args:
        bundles: Their folders.
        ensemble: The folder that makes an ensemble of them, for messages.
    """
    members = {path: read_info(path) for path in bundles}
    _check_alike(
        {str(path.relative_to(ensemble)): info for path, info in members.items()}, ensemble
    )
    return members


def average_bundles(members: Sequence[Path]) -> tuple[Bundle, bool]:
    """Average the weights of bundles into one: a soup (Wortsman et al. 2022, arXiv 2203.05482).

    It has the last one's BatchNorm statistics, and the first one's description.

    Args:
        members: Folders of bundles of one architecture.

    Returns:
        The model, and whether the BatchNorm statistics of all members are equal: else they do not
        fit the average of the weights.

    Raises:
        UserError: A member is no bundle, or they do not belong together.
    """
    _check_alike({str(path): read_info(path) for path in members}, members[0].parent)
    first = load_bundle(members[0])
    model = nn.Sequential(first.encoder, first.head)
    soup, same = AveragedModel(model), True
    soup.update_parameters(model)
    for path in members[1:]:
        other = load_bundle(path)
        network = nn.Sequential(other.encoder, other.head)
        same &= all(map(torch.equal, model.buffers(), network.buffers()))
        soup.update_parameters(network)
    average: Any = soup.module
    return Bundle(average[0], average[1], first.info), same


def read_temperature(model: Path) -> float | None:
    """Return the temperature that a bundle or an ensemble carries, if any; errors as above."""
    return _whole(model).temperature


def read_prediction_sets(model: Path) -> PredictionSets | None:
    """Return the thresholds of prediction sets that a bundle or an ensemble carries, if any."""
    return _whole(model).prediction_sets


def _whole(model: Path) -> BundleInfo | EnsembleInfo:
    path = model / ENSEMBLE
    return EnsembleInfo.read(path) if path.is_file() else read_info(model)


def _check_alike(members: Mapping[str, BundleInfo], folder: Path) -> None:
    (first, expected), *others = ((name, _identity(info)) for name, info in members.items())
    for name, identity in others:
        differences = [key for key in identity if identity[key] != expected[key]]
        if differences:
            raise UserError(
                f"The ensemble {folder} cannot average '{first}' and '{name}', which differ in "
                f"{' and '.join(differences)}: leave one of them out."
            )


def _identity(info: BundleInfo) -> dict[str, Any]:
    return {
        "classes": info.classes,
        "size": info.size,
        "precision": info.precision,
        "data set": info.provenance.trained_on.data_hash,
        "split": info.provenance.trained_on.split_hash,
    }
