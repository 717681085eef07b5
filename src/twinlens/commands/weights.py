"""weights list and weights check."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="List published weights, or check a weight file.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List the published weights that --weights takes by name."""
    from twinlens.models.inspection import list_weights

    table = list_weights()
    shown = table[["encoder", "MB", "licence", "cached"]].astype(object)
    shown["MB"] = table["MB"].map("{:.0f}".format).replace("nan", "?")
    shown["cached"] = table["cached"].map({True: "yes", False: "no"})
    print(shown.reset_index().to_string(index=False))
    print(f"Downloaded at their first use, to {Path(table['path'].iloc[0]).parent}")


@app.command()
def check(
    file: Annotated[
        str, typer.Argument(help="A weight file, or a name of 'twinlens weights list'.")
    ],
    encoder: Annotated[
        str | None, typer.Option(help="The network that it is for, such as resnet50.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="PNG file to draw the first convolution's filters in.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the picture.")] = False,
) -> None:
    """Show what a weight file holds, and whether it fits an encoder; exit code 1 if not."""
    from twinlens.models.inspection import check_weights

    found = check_weights(file, encoder=encoder, picture=picture, overwrite=overwrite)
    print(found.tensors.reset_index().to_string(index=False))
    print(f"{found.path}: {'' if found.fits else 'does not fit: '}{found.summary}")
    print(f"Sum of the parameters: {found.total:.4f}")
    if found.published:
        print(f"It is the published file '{found.published}'.")
    if picture is not None:
        print(f"Filters in {picture}")
    if not found.fits:
        raise typer.Exit(1)
