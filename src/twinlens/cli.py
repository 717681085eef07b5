"""The command line: the list of commands, and what becomes of a user's mistake."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

import twinlens
from twinlens.commands import data, doctor, labels, model, study, weights
from twinlens.errors import UserError, in_words

app = typer.Typer(
    name="twinlens",
    help="Train medical-image classifiers from few labels, and see with evidence whether "
    "self-supervised pretraining helped. Start with: twinlens demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

COMMANDS: dict[str, Callable[..., None]] = {
    "import": data.import_images,
    "split": data.split,
    "audit": data.audit,
    "show-views": model.show_views,
    "pretrain": model.pretrain,
    "train": model.train,
    "evaluate": model.evaluate,
    "predict": model.predict,
    "explain": model.explain,
    "export": model.export,
    "push": model.push,
    "serve": model.serve,
    "suggest": labels.suggest,
    "label": labels.label,
    "init": study.init,
    "compare": study.compare,
    "tune": study.tune,
    "report": study.report,
    "demo": study.demo,
    "doctor": doctor.doctor,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(weights.app, name="weights")


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        print(twinlens.__version__)
        raise typer.Exit


_INTERRUPTED = 130
_SAME = " The same command goes on where it stopped."
_GOING_ON = {
    "pretrain": " The same command with --resume goes on from the last checkpoint.",
    "train": " The same command with --resume goes on from the last checkpoint.",
    "compare": _SAME,
    "tune": _SAME,
}
"""How a command goes on that Ctrl-C has ended; the others leave nothing behind."""


def main() -> None:
    """Run the command line; a user's mistake is one sentence and exit code 2."""
    try:
        app()
    except SystemExit as stopped:
        if stopped.code == _INTERRUPTED and sys.argv[1:2]:
            print(f"twinlens: Interrupted.{_GOING_ON.get(sys.argv[1], '')}", file=sys.stderr)
        raise
    except UserError as error:
        print(f"twinlens: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"twinlens: {in_words(error)}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
