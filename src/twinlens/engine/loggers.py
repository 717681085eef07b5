"""Loggers of a run: CSV files, TensorBoard, MLflow, and Weights & Biases.

The training loop and the monitor call `fabric.log_dict`, which passes numbers on to the loggers
that `logging` opened. Loggers do not influence a run, and a logger that fails is dropped with a
warning. A resumed run logs its earlier rows again into empty loggers, so that no step is repeated.
"""

import csv
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from lightning_fabric import Fabric

from twinlens.console import say
from twinlens.errors import require, unknown

Values = Mapping[str, Any]
"""Numbers by name; names of one kind share a prefix that ends at their first slash."""

_SEND_EVERY_S = 5.0
_NUMBERS_AT_ONCE, _PARAMETERS_AT_ONCE = 500, 100  # a server of MLflow takes no more than 1000, 100


@dataclass(frozen=True)
class Logger:
    """Something that stores numbers.

    Attributes:
        log: Called with numbers and the number of steps done.
        close: Called at the end with whether the run succeeded.
    """

    log: Callable[[Values, int], None]
    close: Callable[[bool], None]


@contextmanager
def logging(
    fabric: Fabric, names: Iterable[str], folder: Path, run: str, settings: Values
) -> Iterator[None]:
    """Connect `fabric.log_dict` with loggers, in the first process only.

    Args:
        fabric: The Fabric of the run.
        names: Names in `LOGGERS`; "csv" is always among them.
        folder: The run's work folder; what loggers wrote there before is deleted.
        run: Name of the run.
        settings: Its hyperparameters, however nested.
    """
    opened: dict[str, Logger] = {}
    if fabric.is_global_zero:
        for name in LOGGERS:
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in dict.fromkeys(["csv", *names]):
            with _tolerating(name, opened):
                opened[name] = LOGGERS[name](folder, run, settings)

    def log_metrics(metrics: Values, step: int) -> None:
        for name, logger in [*opened.items()]:
            with _tolerating(name, opened):
                logger.log(metrics, step)

    carried = SimpleNamespace(log_metrics=log_metrics)  # all that `log_dict` asks of a logger
    fabric.loggers.append(cast(Any, carried))
    succeeded = False
    try:
        yield
        succeeded = True
    finally:
        fabric.loggers.clear()
        for name, logger in [*opened.items()]:
            with _tolerating(name, opened):
                logger.close(succeeded)


@contextmanager
def _tolerating(name: str, opened: dict[str, Logger]) -> Iterator[None]:
    """Drop a logger that fails: it must not end hours of training."""
    try:
        yield
    except Exception as error:  # of any library's own kind
        opened.pop(name, None)
        say(f"WARNING: The logger '{name}' failed, so the run continues without it: {error}")


def check_loggers(names: Iterable[str]) -> None:
    """Refuse loggers that are unknown or whose package is missing.

    Raises:
        UserError: Names the logger, or the extra that installs the package.
    """
    for name in names:
        if name not in LOGGERS:
            raise unknown("logger", name, LOGGERS)
        if name != "csv":
            _prepare()
            require(name, extra=name)


def _prepare() -> None:
    """Turn off the usage reports of packages: nothing is sent without being asked for."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")


def _csv(folder: Path, _run: str, _settings: Values) -> Logger:
    """Write history.csv (one row per step), monitor.csv and metrics.csv.

    A later phase may tell more than an earlier one: the file is then written anew, with the columns
    that are new empty in earlier rows.
    """
    files, writers = ExitStack(), dict[str, tuple[Any, Any]]()

    def begin(kind: str, names: list[str]) -> None:
        path, rows = folder / f"{kind}.csv", list[dict[str, str]]()
        if kind in writers:
            with path.open(newline="", encoding="utf-8") as before:
                rows = list(csv.DictReader(before))
        file = files.enter_context(path.open("w", newline="", encoding="utf-8"))
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        writers[kind] = file, writer

    def log(values: Values, _step: int) -> None:
        kind, slash, _ = next(iter(values)).partition("/")
        kind = kind if slash else "history"
        row = {name.removeprefix(f"{kind}/"): value for name, value in values.items()}
        known = list(writers[kind][1].fieldnames) if kind in writers else []
        names = list(dict.fromkeys([*known, *row]))
        if names != known:
            begin(kind, names)
        file, writer = writers[kind]
        writer.writerow(row)
        file.flush()

    return Logger(log, lambda _succeeded: files.close())


def _tensorboard(folder: Path, _run: str, settings: Values) -> Logger:
    """Write event files into the run's folder."""
    tensorboard = require("torch.utils.tensorboard", extra="tensorboard")
    writer = tensorboard.SummaryWriter(str(folder / "tensorboard"), flush_secs=10)
    writer.add_text("settings", f"```\n{json.dumps(settings, indent=2, default=str)}\n```")

    def log(values: Values, step: int) -> None:
        for name, value in _numbers(values).items():
            writer.add_scalar(name, value, step)

    return Logger(log, lambda _succeeded: writer.close())


def _mlflow(folder: Path, run: str, settings: Values) -> Logger:
    """Log to MLFLOW_TRACKING_URI, or to files in the run's folder, which need no server."""
    _prepare()
    mlflow, entities = (require(name, extra="mlflow") for name in ("mlflow", "mlflow.entities"))
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        store = folder / "mlflow"
        (store / ".trash").mkdir(parents=True)  # mlflow makes it once per process only
        uri = store.as_uri()
    client, name = mlflow.MlflowClient(uri), os.environ.get("MLFLOW_EXPERIMENT_NAME", "twinlens")
    try:
        experiment = client.create_experiment(name)
    except mlflow.MlflowException:  # it exists
        experiment = client.get_experiment_by_name(name).experiment_id
    run_id = client.create_run(experiment, run_name=run).info.run_id
    parameters = [entities.Param(*item) for item in _flat(settings).items()]
    for start in range(0, len(parameters), _PARAMETERS_AT_ONCE):
        client.log_batch(run_id, params=parameters[start : start + _PARAMETERS_AT_ONCE])
    pending, sent = list[Any](), time.monotonic()

    def log(values: Values, step: int) -> None:
        now = int(time.time() * 1000)
        pending.extend(entities.Metric(n, v, now, step) for n, v in _numbers(values).items())
        if len(pending) >= _NUMBERS_AT_ONCE or time.monotonic() - sent >= _SEND_EVERY_S:
            send()

    def send() -> None:
        nonlocal sent
        client.log_batch(run_id, metrics=pending)
        pending.clear()
        sent = time.monotonic()

    def close(succeeded: bool) -> None:
        send()
        client.set_terminated(run_id, "FINISHED" if succeeded else "FAILED")

    return Logger(log, close)


def _wandb(folder: Path, run: str, settings: Values) -> Logger:
    """Write a run of Weights & Biases into the run's folder, offline unless WANDB_MODE differs."""
    _prepare()
    wandb = require("wandb", extra="wandb")
    wandb_run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", "twinlens"),
        name=run,
        dir=folder,
        mode=os.environ.get("WANDB_MODE") or "offline",
        config=dict(settings),
        settings=wandb.Settings(
            console="off", silent=True, disable_git=True, save_code=False, x_disable_stats=True
        ),
    )
    wandb_run.define_metric("*", step_metric="step")
    return Logger(
        lambda values, step: wandb_run.log({**_numbers(values), "step": step}),
        lambda succeeded: wandb_run.finish(exit_code=0 if succeeded else 1),
    )


def _numbers(values: Values) -> dict[str, float]:
    """Return the values that can be plotted against the steps."""
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and name.rpartition("/")[2] != "step"
    }


def _flat(settings: Values, prefix: str = "") -> dict[str, str]:
    """Return flat settings as text: ``{"a": {"b": 1}}`` as ``{"a.b": "1"}``."""
    flat = dict[str, str]()
    for name, value in settings.items():
        inner = f"{prefix}{name}"
        flat |= _flat(value, f"{inner}.") if isinstance(value, Mapping) else {inner: str(value)}
    return flat


LOGGERS: dict[str, Callable[[Path, str, Values], Logger]] = {
    "csv": _csv,
    "mlflow": _mlflow,
    "tensorboard": _tensorboard,
    "wandb": _wandb,
}
"""Functions of (folder, name of the run, settings) by name, which is also that of the extra."""
