"""pretrain, train, evaluate and predict."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import twinlens
from twinlens import console
from twinlens.commands.from_request import from_request
from twinlens.commands.options import (
    Dataset,
    Device,
    Overwrite,
)
from twinlens.errors import UserError
from twinlens.files import write_text
from twinlens.pretraining.methods import METHODS
from twinlens.requests.predict import PredictRequest
from twinlens.requests.pretrain import PretrainRequest
from twinlens.requests.show_views import ShowViewsRequest
from twinlens.requests.train import TrainRequest

if TYPE_CHECKING:
    from twinlens.records.scores import PartScores


@partial(from_request, values={"method": METHODS})
def pretrain(request: PretrainRequest) -> None:
    """Pretrain an encoder, and print where it is and the report."""
    done = twinlens.pretrain.run(request)
    if not console.quiet:
        print(f"Encoder in {done}; train with it: twinlens train {request.dataset} "
              f"--pretrained {done} ...")  # fmt: skip
        print(f"Report: {twinlens.report(done)}")


@from_request
def show_views(request: ShowViewsRequest) -> None:
    """Draw views, and print where."""
    print(f"Images and their two views in {twinlens.show_views.run(request)}")


@from_request
def train(request: TrainRequest) -> None:
    """Train a classifier, and print its metrics."""
    done = twinlens.train.run(request)
    from twinlens.records.scores import Scores

    for part, scores in Scores.read(done / "metrics.json").parts.items():
        print(f"{part}: {_in_words(scores)}")
    print(f"Model in {done / 'model'}")


def evaluate(
    model: Annotated[Path, typer.Argument(help="A run's model/ folder, or a study's best/.")],
    dataset: Dataset,
    split: Annotated[
        str, typer.Option(metavar="[NAME:]PART", help="Such as test, or myfold:test.")
    ] = "test",
    tta: Annotated[int | None, typer.Option(help="Views to average; default: the model's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for metrics and predictions.")] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Evaluate a model on a part of a data set, with test-time augmentation."""
    scores = twinlens.evaluate(
        model, dataset, split=split, tta=tta, out=out, device=device, overwrite=overwrite
    )
    import pandas as pd

    print(_in_words(scores))
    table = {name: of_class.model_dump() for name, of_class in scores.per_class.items()}
    print(pd.DataFrame(table).T.to_string(float_format="%.3f"))


@from_request
def predict(
    request: PredictRequest,
    out: Annotated[Path | None, typer.Option(help="CSV file; default: the screen.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Predict, and print or write the table; exit code 1 if files are broken."""
    table = twinlens.predict.run(request)
    if out is None:
        print(table.to_csv(index=False, float_format="%.4f"), end="")
    else:
        if out.exists() and not overwrite:
            raise UserError(f"{out} exists already: choose another --out, or pass --overwrite.")
        write_text(out, table.to_csv(index=False))
        print(f"{len(table)} predictions in {out}")
    if table["error"].notna().any():
        raise typer.Exit(1)


def _in_words(scores: "PartScores") -> str:
    from twinlens.evaluation.metrics import METRICS

    return ", ".join(f"{METRICS[name].words} {value:.3f}" for name, value in scores.metrics.items())
