"""suggest and label."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

import twinlens
from twinlens.commands.from_request import from_request
from twinlens.commands.next_command import suggest as suggest_next
from twinlens.requests.label import LabelRequest
from twinlens.requests.suggest import SuggestRequest
from twinlens.suggesting import METHODS


@partial(from_request, values={"method": ["auto", *METHODS]})
def suggest(
    request: SuggestRequest,
    label: Annotated[
        bool, typer.Option("--label", help="Open the page to label them, as 'twinlens label' does.")
    ] = False,
) -> None:
    """Suggest images to label, and print where they are."""
    table = twinlens.suggest.run(request)
    print(f"{len(table):,} images to label in {request.out}")
    if label:
        _label(LabelRequest(request.out, request.dataset))
    else:
        suggest_next("label", request.out, request.dataset)


@from_request
def label(request: LabelRequest) -> None:
    """Label images, and print how many have been."""
    _label(request)


def _label(request: LabelRequest) -> None:
    found = twinlens.label.run(request)
    print(
        f"{found.labels:,} of {found.total:,} labelled, {found.cannot_tell:,} 'cannot tell', in "
        f"{request.out}"
    )
    if request.export is None:
        words = [request.suggestions, request.dataset, "--out", request.out, "--export"]
        suggest_next("label", *words, "labels.csv")
    elif Path(request.export).suffix.lower() == ".csv":
        words = [request.export, "--out", request.dataset, "--add", "--table-only"]
        suggest_next("import", *words, purpose="to add the labels to the data set")
