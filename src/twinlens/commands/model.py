"""pretrain, train, evaluate, predict, explain, export, push and serve."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import twinlens
from twinlens import console
from twinlens.commands.from_request import from_request
from twinlens.commands.next_command import suggest
from twinlens.console import say
from twinlens.errors import UserError, require
from twinlens.pretraining.methods import METHODS
from twinlens.requests.evaluate import EvaluateRequest
from twinlens.requests.explain import ExplainRequest
from twinlens.requests.export import ExportRequest
from twinlens.requests.predict import PredictRequest
from twinlens.requests.pretrain import PretrainRequest
from twinlens.requests.push import PushRequest
from twinlens.requests.serve import ServeRequest
from twinlens.requests.show_views import ShowViewsRequest
from twinlens.requests.train import TrainRequest

if TYPE_CHECKING:
    from twinlens.records.evaluation import Estimate
    from twinlens.records.scores import PartScores


@partial(from_request, values={"method": METHODS})
def pretrain(request: PretrainRequest) -> None:
    """Pretrain an encoder, and print where it is and the report."""
    folder = twinlens.pretrain.run(request)
    if not console.quiet:
        print(f"Encoder in {folder}")
        print(f"Report: {twinlens.report(folder)}")
        from twinlens.data.dataset import open_dataset

        labelled = request.dataset if open_dataset(request.dataset).classes else "LABELLED"
        suggest("train", labelled, "--pretrained", folder, "--out", "RUN")


@from_request
def show_views(request: ShowViewsRequest) -> None:
    """Draw views, and print where."""
    print(f"Images and their views in {twinlens.show_views.run(request)}")
    suggest("pretrain", request.dataset, "--out", "RUN")


@from_request
def train(request: TrainRequest) -> None:
    """Train a classifier, and print its metrics."""
    folder = twinlens.train.run(request)
    from twinlens.records.scores import Scores

    for part, scores in Scores.read(folder / "metrics.json").parts.items():
        print(f"{part}: {_in_words(scores)}")
    print(f"Model in {folder / 'model'}")
    suggest("predict", folder / "model", "IMAGE")


@from_request
def evaluate(request: EvaluateRequest) -> None:
    """Evaluate a model, print its metrics, and where the report is."""
    evaluation = twinlens.evaluate.run(request)
    import pandas as pd

    for data in evaluation.data:
        print(f"{data.name}, {data.by_image.n} images of '{data.part}':")
        print(_with_intervals(data.by_image.metrics))
        of_class = {name: scores.values() for name, scores in data.by_image.per_class.items()}
        print(pd.DataFrame(of_class).T.to_string(float_format="%.3f"))
    if request.out is not None:
        print(f"Report: {twinlens.report(request.out)}")
    model = Path(request.model) / "best" if request.arm else request.model
    suggest("predict", model, "IMAGE")


@from_request
def predict(
    request: PredictRequest,
    out: Annotated[
        Path | None,
        typer.Option(help=".csv, .jsonl or .parquet file; default: the screen, as CSV."),
    ] = None,
    by_group: Annotated[
        Path | None,
        typer.Option(help="File for the mean predictions of each --group; formats as of --out."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files.")] = False,
) -> None:
    """Predict, and print or write the table; exit code 1 if files are broken."""
    from twinlens.inference.by_group import GroupMeans
    from twinlens.inference.predict_files import predict_in_parts
    from twinlens.inference.predictions_file import as_csv, check_new, write_predictions

    if by_group is not None and request.group is None:
        raise UserError("--by-group goes with --group: name the column with the groups.")
    for path in filter(None, (out, by_group)):
        check_new(path, overwrite=overwrite)
    parts, broken = predict_in_parts(request), 0
    groups = GroupMeans(request) if by_group is not None else None
    if groups is not None:
        parts = groups.watch(parts)
    if out is None:
        for number, part in enumerate(parts):
            print(as_csv(part, header=not number, float_format="%.4f"), end="")
            broken += int(part["error"].notna().sum())
    else:
        rows, broken = write_predictions(out, parts)
        print(
            f"{rows:,} predictions in {out}" + (f", {broken:,} without an image" if broken else "")
        )
    if groups is not None and by_group is not None:
        rows, _ = write_predictions(by_group, [groups.table()])
        say(f"{rows:,} groups in {by_group}")
    suggest("evaluate", request.model, "DATA", purpose="to score the model on labelled images")
    if broken:
        raise typer.Exit(1)


@from_request
def export(request: ExportRequest) -> None:
    """Export a model, and print what was checked."""
    written = twinlens.export.run(request)
    print(f"Model in {written.path}")
    print(
        f"Largest difference of a probability from torch: {written.difference:.1e}, "
        f"in {written.images} random and synthetic images"
    )
    if written.views > 1:
        say("Test-time augmentation is not exported: the file predicts like 'predict --tta 1'.")
    if written.int8 is not None:
        found = written.int8
        print(
            f"int8: {found.equal} of {found.images} decisions are those of fp32, and one image is "
            f"{found.times_as_fast:.2f} times as fast: {'kept' if found.kept else 'not kept'}"
        )


@from_request
def push(request: PushRequest) -> None:
    """Upload a model, and print where it is."""
    print(f"Model at {twinlens.push.run(request)}")


@from_request
def serve(request: ServeRequest) -> None:
    """Serve a model until interrupted."""
    require("fastapi", extra="serve")
    twinlens.serve.run(request)


@from_request
def explain(request: ExplainRequest) -> None:
    """Explain predictions, print them with the nearest training image, and where the page is."""
    found = twinlens.explain.run(request)
    from twinlens.reporting.evaluation.explanation import PAGE

    for image in found.examples:
        nearest = image.nearest[0]
        print(
            f"{image.id}: {image.predicted} {image.probability:.3f}, nearest {nearest.label} "
            f"{nearest.id} at {nearest.distance:.3f}"
        )
    print(f"Page: {Path(request.out) / PAGE}")


def _with_intervals(metrics: "dict[str, Estimate]") -> str:
    from twinlens.reporting.formatting import decimal, metric_title

    lines = []
    for name, estimate in metrics.items():
        ends = [decimal(end) for end in (estimate.low, estimate.high) if end is not None]
        lines.append(f"  {metric_title(name):26}{decimal(estimate.value)}  {' to '.join(ends)}")
    return "\n".join(lines)


def _in_words(scores: "PartScores") -> str:
    from twinlens.evaluation.metrics import METRICS

    return ", ".join(f"{METRICS[name].words} {value:.3f}" for name, value in scores.metrics.items())
