"""weights list and weights check."""

from pathlib import Path

import typer

from twinlens.commands.from_request import from_request
from twinlens.commands.next_command import suggest
from twinlens.requests.check_weights import CheckWeightsRequest

app = typer.Typer(help="List published weights, or check a weight file.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List the published weights that --weights takes by name."""
    from twinlens.models.inspection import list_weights

    table = list_weights()
    shown = table[["encoder", "MB", "licence", "cached"]].astype(object)
    shown["MB"] = table["MB"].map("{:.0f}".format).replace("nan", "?")
    shown["cached"] = table["cached"].map({True: "yes", False: "no"})
    shown.loc[~table["cached"] & table["gated"].notna(), "cached"] = "no (licence to accept)"
    print(shown.reset_index().to_string(index=False))
    folders = dict.fromkeys(str(Path(path).parent) for path in table["path"][~table["cached"]])
    print(f"Downloaded at first use, to {' or '.join(folders)}")
    suggest("train", "DATA", "--weights", table.index[0], "--out", "RUN")


@app.command()
@from_request
def check(request: CheckWeightsRequest) -> None:
    """Check a weight file, and print what it holds."""
    from twinlens.models.inspection import check_weights

    inspection = check_weights.run(request)
    print(inspection.tensors.reset_index().to_string(index=False))
    fit = "" if inspection.fits else "does not fit: "
    print(f"{inspection.path}: {fit}{inspection.summary}")
    print(f"Sum of the parameters: {inspection.total:.4f}")
    if inspection.published:
        print(f"It is the published file '{inspection.published}'.")
    if request.picture is not None:
        print(f"Filters in {request.picture}")
    if inspection.fits:
        encoder = ("--encoder", request.encoder) if request.encoder else ()
        suggest("train", "DATA", *encoder, "--weights", request.weights, "--out", "RUN")
    else:
        raise typer.Exit(1)
