"""`twinlens label`: open the page, take labels from Label Studio, or write them down."""

import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from twinlens.console import say
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.errors import UserError, require
from twinlens.labelling.answers import Answer, Answers
from twinlens.labelling.label_studio import labelling_interface, read_tasks, write_tasks
from twinlens.labelling.queue import ClassKey, Item, class_keys, read_queue
from twinlens.requests.base import accepts
from twinlens.requests.label import LabelRequest
from twinlens.suggesting.suggestions_file import write_table


@dataclass(frozen=True)
class Labelled:
    """How far the labelling is.

    Attributes:
        labels: Suggested images with a label.
        cannot_tell: Suggested images to which the answer was "cannot tell".
        total: Suggested images.
    """

    labels: int
    cannot_tell: int
    total: int


@accepts(LabelRequest)
def label(request: LabelRequest) -> Labelled:
    """Show the suggested images on a local page until it is stopped, and keep every answer.

    Raises:
        UserError: A file cannot be used, there are no classes, or FastAPI is not installed.
    """
    data = open_dataset(request.dataset)
    queue = read_queue(Path(request.suggestions), data)
    classes = class_keys(data, request.classes)
    if request.export is not None:
        _check_export(request.export, overwrite=request.overwrite)
    answers = Answers(Path(request.out), data)
    try:
        if request.load is not None:
            answers.give(read_tasks(request.load, data, classes))
        if request.export is not None:
            _export(request.export, data, queue, classes, answers.given())
        if request.load is None and request.export is None:
            _serve(data, queue, classes, answers, request)
        given = answers.given()
    finally:
        answers.close()
    found = [given[item.id].label is not None for item in queue if item.id in given]
    return Labelled(sum(found), len(found) - sum(found), len(queue))


def _check_export(path: Path, *, overwrite: bool) -> None:
    if path.suffix.lower() not in (".csv", ".json"):
        raise UserError(f"--export {path} must end in .csv, or in .json for Label Studio.")
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists already: choose another --export, or pass --overwrite.")


def _export(
    path: Path,
    data: Dataset,
    queue: list[Item],
    classes: list[ClassKey],
    given: dict[str, Answer],
) -> None:
    if path.suffix.lower() == ".json":
        write_tasks(path, data, queue, given)
        say(f"Labelling interface for Label Studio:\n{labelling_interface(classes)}")
        return
    rows = [(image, a.label, "yes" if a.label is None else "", a.at) for image, a in given.items()]
    write_table(path, pd.DataFrame(rows, columns=["image", "label", "cannot_tell", "labelled_at"]))


def _serve(
    data: Dataset,
    queue: list[Item],
    classes: list[ClassKey],
    answers: Answers,
    request: LabelRequest,
) -> None:
    """Serve the page until the process is asked to stop."""
    require("fastapi", extra="serve")
    uvicorn = require("uvicorn", extra="serve")
    from twinlens.labelling.access import Access
    from twinlens.labelling.server import Session, build_app

    if data.table_only and not all(item.file and item.file.is_file() for item in queue):
        raise UserError(f"{data.path} holds the table alone: import it with its images to label.")
    session = Session(data, queue, classes, answers, request.show_predictions)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as twinlens serve does
        try:
            listener.bind(("127.0.0.1", request.port))
            listener.listen()  # the address works as soon as it is printed
        except (OSError, OverflowError) as error:
            raise UserError(f"--port {request.port} cannot be used ({error}).") from error
        access = Access(secrets.token_urlsafe(32), listener.getsockname()[1])
        say(f"Label at {access.url}\nEvery key is saved in {request.out}; Ctrl+C stops.")
        app = build_app(session, access)
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        with suppress(KeyboardInterrupt):  # uvicorn has stopped in good order before it raises it
            uvicorn.Server(config).run(sockets=[listener])
