"""Where the numbers of a run go while it lasts: files, and what people already watch.

The training loop and the monitor give their numbers to the engine (`fabric.log_dict`), which passes
them on to the loggers that `logging` opened. They decide nothing: a run is the same without them,
and a logger that fails is given up with a warning. A resumed run logs its earlier rows again, into
loggers opened anew, so that none holds a step twice.
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
"""Numbers by name; names of one kind share what stands before their first slash."""

_SEND_EVERY_S = 5.0
_NUMBERS_AT_ONCE, _PARAMETERS_AT_ONCE = 500, 100  # a server of MLflow takes no more than 1000, 100


@dataclass(frozen=True)
class Logger:
    """Something that keeps numbers.

    Attributes:
        log: Called with numbers and the number of steps done.
        close: Called at the end with whether all went well.
    """

    log: Callable[[Values, int], None]
    close: Callable[[bool], None]


@contextmanager
def logging(
    fabric: Fabric, names: Iterable[str], folder: Path, run: str, settings: Values
) -> Iterator[None]:
    """Let `fabric.log_dict` reach loggers, in the first process alone.

    Args:
        fabric: The engine.
        names: Names in `LOGGERS`; "csv" is always among them.
        folder: The run's work folder; what loggers left there before is dropped.
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
    well = False
    try:
        yield
        well = True
    finally:
        fabric.loggers.clear()
        for name, logger in [*opened.items()]:
            with _tolerating(name, opened):
                logger.close(well)


@contextmanager
def _tolerating(name: str, opened: dict[str, Logger]) -> Iterator[None]:
    """Give a logger up where it fails: hours of training are worth more."""
    try:
        yield
    except Exception as error:  # of any library's own kind
        opened.pop(name, None)
        say(f"WARNING: The logger '{name}' failed, so the run goes on without it: {error}")


def check_loggers(names: Iterable[str]) -> None:
    """Refuse loggers that are unknown or whose package is missing.

    Raises:
        UserError: It names the logger, or the extra that brings the package.
    """
    for name in names:
        if name not in LOGGERS:
            raise unknown("logger", name, LOGGERS)
        if name != "csv":
            _prepare()
            require(name, extra=name)


def _prepare() -> None:
    """Keep packages from reporting about their use: nothing leaves the house unasked."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")


def _csv(folder: Path, _run: str, _settings: Values) -> Logger:
    """Keep history.csv (a row a step), monitor.csv and metrics.csv, a file a kind of numbers."""
    files, writers = ExitStack(), dict[str, tuple[Any, Any]]()

    def log(values: Values, _step: int) -> None:
        kind, slash, _ = next(iter(values)).partition("/")
        kind = kind if slash else "history"
        row = {name.removeprefix(f"{kind}/"): value for name, value in values.items()}
        if kind not in writers:
            path = folder / f"{kind}.csv"
            file = files.enter_context(path.open("w", newline="", encoding="utf-8"))
            writers[kind] = file, csv.DictWriter(file, list(row), lineterminator="\n")
            writers[kind][1].writeheader()
        file, writer = writers[kind]
        writer.writerow(row)
        file.flush()

    return Logger(log, lambda _well: files.close())


def _tensorboard(folder: Path, _run: str, settings: Values) -> Logger:
    """Keep event files in the run's folder."""
    tensorboard = require("torch.utils.tensorboard", extra="tensorboard")
    writer = tensorboard.SummaryWriter(str(folder / "tensorboard"), flush_secs=10)
    writer.add_text("settings", f"```\n{json.dumps(settings, indent=2, default=str)}\n```")

    def log(values: Values, step: int) -> None:
        for name, value in _numbers(values).items():
            writer.add_scalar(name, value, step)

    return Logger(log, lambda _well: writer.close())


def _mlflow(folder: Path, run: str, settings: Values) -> Logger:
    """Log to MLFLOW_TRACKING_URI, or to files in the run's folder, which need no server."""
    _prepare()
    mlflow, entities = (require(name, extra="mlflow") for name in ("mlflow", "mlflow.entities"))
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        store = folder / "mlflow"
        (store / ".trash").mkdir(parents=True)  # a process that made it before does not again
        uri = store.as_uri()
    client, name = mlflow.MlflowClient(uri), os.environ.get("MLFLOW_EXPERIMENT_NAME", "twinlens")
    try:
        experiment = client.create_experiment(name)
    except mlflow.MlflowException:  # it is there already
        experiment = client.get_experiment_by_name(name).experiment_id
    its_id = client.create_run(experiment, run_name=run).info.run_id
    parameters = [entities.Param(*item) for item in _flat(settings).items()]
    for start in range(0, len(parameters), _PARAMETERS_AT_ONCE):
        client.log_batch(its_id, params=parameters[start : start + _PARAMETERS_AT_ONCE])
    waiting, sent = list[Any](), time.monotonic()

    def log(values: Values, step: int) -> None:
        now = int(time.time() * 1000)
        waiting.extend(entities.Metric(n, v, now, step) for n, v in _numbers(values).items())
        if len(waiting) >= _NUMBERS_AT_ONCE or time.monotonic() - sent >= _SEND_EVERY_S:
            send()

    def send() -> None:
        nonlocal sent
        client.log_batch(its_id, metrics=waiting)
        waiting.clear()
        sent = time.monotonic()

    def close(well: bool) -> None:
        send()
        client.set_terminated(its_id, "FINISHED" if well else "FAILED")

    return Logger(log, close)


def _wandb(folder: Path, run: str, settings: Values) -> Logger:
    """Keep a run of Weights & Biases in the run's folder; offline, unless WANDB_MODE says so."""
    _prepare()
    wandb = require("wandb", extra="wandb")
    its_run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", "twinlens"),
        name=run,
        dir=folder,
        mode=os.environ.get("WANDB_MODE") or "offline",
        config=dict(settings),
        settings=wandb.Settings(
            console="off", silent=True, disable_git=True, save_code=False, x_disable_stats=True
        ),
    )
    its_run.define_metric("*", step_metric="step")
    return Logger(
        lambda values, step: its_run.log({**_numbers(values), "step": step}),
        lambda well: its_run.finish(exit_code=0 if well else 1),
    )


def _numbers(values: Values) -> dict[str, float]:
    """Return what can be drawn over the steps."""
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and name.rpartition("/")[2] != "step"
    }


def _flat(settings: Values, prefix: str = "") -> dict[str, str]:
    """Return settings without nesting, as text: ``{"a": {"b": 1}}`` as ``{"a.b": "1"}``."""
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
"""Functions of (folder, name of the run, settings) by name; the extra is called the same."""
