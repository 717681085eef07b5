"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

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
Weights = Annotated[
    str,
    typer.Option(help="random, a name (twinlens weights list), or a .safetensors or .pth file."),
]
Precision = Annotated[
    str | None, typer.Option(help="fp32, bf16 or auto: bf16 where the processor has it.")
]
Loggers = Annotated[
    list[str],
    typer.Option(
        "--logger", metavar="NAME", help="tensorboard, mlflow or wandb beside CSV. Repeatable."
    ),
]


def settings_of(assignments: list[str], **options: Any) -> dict[str, Any]:
    """Join --set with the options that are settings too; an option left out says nothing."""
    from twinlens.config import override

    return override({k: v for k, v in options.items() if v is not None}, assignments)
