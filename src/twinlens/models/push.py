"""Uploading a model to the Hugging Face Hub, by its own client."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import twinlens
from twinlens.console import say
from twinlens.errors import UserError, require
from twinlens.models.bundle import INDEX, INFO, TENSORS, check_files, write_info
from twinlens.models.card import CARD
from twinlens.models.ensemble import ENSEMBLE, read_members
from twinlens.requests.base import accepts
from twinlens.requests.push import PushRequest

_FILES = (INFO, ENSEMBLE, TENSORS, INDEX, CARD)


@accepts(PushRequest)
def push(request: PushRequest) -> str:
    """Upload a bundle or an ensemble, once its files are those that were written.

    Nothing but the files of the model is uploaded, in one commit. The hub's client takes the
    account's token from the environment variable HF_TOKEN, or from 'hf auth login'.

    Returns:
        The address of the repository.

    Raises:
        UserError: The model is damaged, the repository is public although a private one is asked
            for, there is no token or no connection, or the hub refuses.
    """
    hub = require("huggingface_hub", extra="hub")
    model, repository = Path(request.model), request.repository
    members = read_members(model)
    for folder, info in members.items():
        check_files(folder, info)
    if repository.count("/") != 1:
        raise UserError(f"{repository} names no repository: write OWNER/NAME.")
    if hub.get_token() is None:
        raise UserError(
            "There is no token of the Hugging Face Hub: run 'hf auth login', or set HF_TOKEN."
        )
    if not request.without_index and any(info.index_sha256 for info in members.values()):
        say(
            "The model carries the ids and features of its training images: see that no id names "
            "a person, or pass --without-index."
        )
    api = hub.HfApi()
    try:
        address = api.create_repo(repository, private=request.private or None, exist_ok=True)
        if request.private and not api.model_info(repository).private:
            raise UserError(f"{address} is public: make it private there, or choose another name.")
        with _prepared(model, without_index=request.without_index) as folder:
            api.upload_folder(
                repo_id=repository,
                folder_path=folder,
                allow_patterns=[*_FILES, *(f"members/*/{name}" for name in _FILES)],
                commit_message=f"Upload by twinlens {twinlens.__version__}",
            )
    except UserError:
        raise
    except Exception as error:  # of the client, its connection, or the hub
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise UserError(
            f"{model} was not uploaded to {hub.constants.ENDPOINT}/{repository}: {reason}."
        ) from error
    return str(address)


@contextmanager
def _prepared(model: Path, *, without_index: bool) -> Iterator[Path]:
    """Yield the folder to upload: the model's, or a copy without the index."""
    if not without_index:
        yield model
        return
    with TemporaryDirectory() as temporary:
        copy = Path(temporary) / "model"
        shutil.copytree(model, copy, ignore=shutil.ignore_patterns(INDEX))
        for folder, info in read_members(copy).items():
            changes = {"index_sha256": None, "unlike_threshold": None}
            write_info(folder, info.model_copy(update=changes))
        yield copy
