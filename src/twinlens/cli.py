"""The command line: thin, and quick to answer, since each command imports what it needs."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import twinlens
from twinlens.errors import UserError
from twinlens.files import read_json, write_text

app = typer.Typer(
    name="twinlens",
    help="Train medical-image classifiers from few labels, and see with evidence whether "
    "self-supervised pretraining helped. Start with: twinlens demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Dataset = Annotated[Path, typer.Argument(help="Folder made by 'twinlens import'.")]
Out = Annotated[Path, typer.Option(help="Folder to make.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what --out holds.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted attempt.")]
Set = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Change a setting. Repeatable.")
]
Seed = Annotated[int, typer.Option(help="Everything random derives from it.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Preset = Annotated[str, typer.Option(help="robust, paper or paper-code.")]
SplitName = Annotated[str | None, typer.Option(help="Name of the split; needed if several.")]
Weights = Annotated[str, typer.Option(help="random, or a .safetensors or .pth file.")]
Precision = Annotated[
    str | None, typer.Option(help="fp32, bf16 or auto: bf16 where the processor has it.")
]


@app.command("import")
def import_images(
    source: Annotated[str, typer.Argument(help="Folder or CSV file, or 'phantom:2000'.")],
    out: Out,
    kind: Annotated[str, typer.Option(help="auto, folder, csv, unlabelled or phantom.")] = "auto",
    image: Annotated[str | None, typer.Option(help="Column with file or id.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the class name.")] = None,
    group: Annotated[str | None, typer.Option(help="Column with lesion or patient.")] = None,
    split: Annotated[str | None, typer.Option(help="Column with the split's name.")] = None,
    split_map: Annotated[
        list[str], typer.Option(metavar="THEIRS=OURS", help="Such as pool=unlabelled. Repeatable.")
    ] = [],  # noqa: B006, typer wants the list itself
    size: Annotated[int, typer.Option(help="Side of the square images in pixels.")] = 256,
    workers: Annotated[int | None, typer.Option(help="Threads; default: one a core.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Read a folder of images once, and pack them for training."""
    data = twinlens.import_images(
        source,
        out,
        kind=kind,
        image=image,
        label=label,
        group=group,
        split=split,
        split_map=_pairs(split_map, "--split-map"),
        size=size,
        workers=workers,
        overwrite=overwrite,
    )
    print(f"{len(data.table)} images of {len(data.classes)} classes in {data.path}")


@app.command()
def split(
    dataset: Dataset,
    per_class: Annotated[int | None, typer.Option(help="At most so many training labels.")] = None,
    val: Annotated[float, typer.Option(help="Share of the labelled images.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the labelled images.")] = 0.2,
    seed: Seed = 0,
    name: Annotated[str | None, typer.Option(help="Name of the split.")] = None,
) -> None:
    """Draw a split by whole groups, stratified by class. It never changes afterwards."""
    made = twinlens.split(dataset, per_class=per_class, val=val, test=test, seed=seed, name=name)
    print(f"Split '{made.name}' of {dataset}, hash {made.hash[:12]}")
    for part, by_class in made.info["counts"].items():
        each = ", ".join(f"{name} {count}" for name, count in by_class.items())
        print(f"  {part:<11}{sum(by_class.values()):>7}   {each}")
    for note in made.info["notes"]:
        print(f"  {note}")


@app.command()
def pretrain(
    dataset: Dataset,
    out: Out,
    encoder: Annotated[str, typer.Option(help="Such as resnet18 or timm/NAME.")] = "resnet50",
    weights: Weights = "random",
    method: Annotated[str, typer.Option(help="The self-supervised method.")] = "barlow_twins",
    images: Annotated[str, typer.Option(help="unlabelled (with train) or train.")] = "unlabelled",
    preset: Preset = "robust",
    set_: Set = [],  # noqa: B006
    precision: Precision = None,
    split: SplitName = None,
    seed: Seed = 0,
    device: Device = "auto",
    overwrite: Overwrite = False,
    resume: Resume = False,
) -> None:
    """Pretrain an encoder on images without their labels."""
    done = twinlens.pretrain(
        dataset,
        out,
        encoder=encoder,
        weights=weights,
        images=images,
        preset=preset,
        settings=_settings(set_, method=method, precision=precision),
        split=split,
        seed=seed,
        device=device,
        overwrite=overwrite,
        resume=resume,
    )
    print(f"Encoder in {done}; train with it: twinlens train {dataset} --pretrained {done} ...")


@app.command()
def train(
    dataset: Dataset,
    out: Out,
    encoder: Annotated[
        str | None, typer.Option(help="Such as resnet18; default: --pretrained's, or resnet50.")
    ] = None,
    weights: Weights = "random",
    pretrained: Annotated[
        Path | None, typer.Option(help="Folder made by 'twinlens pretrain'.")
    ] = None,
    tuning: Annotated[str | None, typer.Option(help="probe, fine_tune or full.")] = None,
    preset: Preset = "robust",
    set_: Set = [],  # noqa: B006
    precision: Precision = None,
    split: SplitName = None,
    budget: Annotated[float, typer.Option(help="Share of the training labels to use.")] = 1.0,
    seed: Seed = 0,
    device: Device = "auto",
    overwrite: Overwrite = False,
    resume: Resume = False,
) -> None:
    """Train a classifier: head first, learning-rate finder, one-cycle; then evaluate it."""
    done = twinlens.train(
        dataset,
        out,
        encoder=encoder,
        weights=weights,
        pretrained=pretrained,
        preset=preset,
        settings=_settings(set_, tuning=tuning, precision=precision),
        split=split,
        budget=budget,
        seed=seed,
        device=device,
        overwrite=overwrite,
        resume=resume,
    )
    for part, scores in read_json(done / "metrics.json").items():
        print(f"{part}: {_in_words(scores)}")
    print(f"Model in {done / 'model'}")


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="A model bundle: a run's model/ folder.")],
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
    print(pd.DataFrame(scores["per_class"]).T.to_string(float_format="%.3f"))


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A model bundle: a run's model/ folder.")],
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    out: Annotated[Path | None, typer.Option(help="CSV file; default: the screen.")] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Predict class probabilities for images. Files that are broken are listed; exit code 1."""
    table = twinlens.predict(model, images, device=device)
    if out is None:
        print(table.to_csv(index=False, float_format="%.4f"), end="")
    else:
        if out.exists() and not overwrite:
            raise UserError(f"{out} exists already: choose another --out, or pass --overwrite.")
        write_text(out, table.to_csv(index=False))
        print(f"{len(table)} predictions in {out}")
    if table["error"].notna().any():
        raise typer.Exit(1)


@app.command()
def compare(
    study: Annotated[Path, typer.Argument(help="A study file, such as studies/demo.yaml.")],
    out: Out,
    set_: Set = [],  # noqa: B006
    device: Device = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in --out although the study was changed.")
    ] = False,
) -> None:
    """Compare arms x seeds x label budgets, and write the report. Goes on where it stopped."""
    done = twinlens.compare(
        study, out, settings=set_, device=device, dry_run=dry_run, resume=resume
    )
    if not dry_run:
        _conclude(done)


@app.command()
def report(study: Annotated[Path, typer.Argument(help="Folder of a study.")]) -> None:
    """Write the report of a study again, from its stored runs alone."""
    _conclude(study)


@app.command()
def demo(out: Out = Path("demo"), overwrite: Overwrite = False) -> None:
    """Do the main job on synthetic images: minutes on two cores."""
    _conclude(twinlens.demo(out, overwrite=overwrite))


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        print(twinlens.__version__)
        raise typer.Exit


def _conclude(study: Path) -> None:
    """Write the report, and end with the verdict in words and the report's path."""
    page = twinlens.report(study)
    results = read_json(study / "results.json")
    print("\n".join(results["verdict"]))
    print(f"Report: {page}")
    if results["failures"]:
        raise typer.Exit(1)


def _in_words(scores: dict[str, Any]) -> str:
    from twinlens.evaluation.metrics import METRICS

    return ", ".join(f"{name.replace('_', ' ')} {scores[name]:.3f}" for name in METRICS)


def _settings(assignments: list[str], **options: Any) -> dict[str, Any]:
    """Join --set with the options that are settings too; an option left out says nothing."""
    from twinlens.config import override

    return override({k: v for k, v in options.items() if v is not None}, assignments)


def _pairs(assignments: list[str], option: str) -> dict[str, str]:
    pairs = [assignment.partition("=") for assignment in assignments]
    for theirs, equals, _ in pairs:
        if not equals:
            raise UserError(f"{option} {theirs}: write it as THEIRS=OURS, such as pool=unlabelled.")
    return {theirs: ours for theirs, _, ours in pairs}


def main() -> None:
    """Run the command line; a user's mistake is one sentence and exit code 2."""
    try:
        app()
    except UserError as error:
        print(f"twinlens: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"twinlens: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
