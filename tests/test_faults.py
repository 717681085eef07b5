"""What the operating system refuses: one sentence, and what was there before is intact."""

import builtins
import errno
import fcntl
import hashlib
import io
import os
import resource
import shutil
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from PIL import Image

import twinlens
from tiny import HOW, tiny_encoder
from twinlens.cli import app
from twinlens.errors import UserError, in_words
from twinlens.models.inspection import check_weights
from twinlens.study.compare import compare
from twinlens.study.tuning.tune import tune

TRAIN = {"epochs": 1, "batch_size": 16, "tta": 1, "lr": 1e-3, "precision": "fp32"}
PRETRAIN = TRAIN | {"batch_size": 32, "projector": [4], "monitor_points": 0}
del PRETRAIN["tta"]
STUDY = {
    "encoder": "tiny", "precision": "fp32", "train": {"tuning": "linear_probe", "tta": 1},
    "seeds": 1, "arms": {"plain": {}}, "search": {"train.probe_c": [0.1, 1.0]},
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """What commands need: a data set, a model, a finished pretraining and a study."""

    data: Path
    model: Path
    photos: Path
    pretrained: Path
    study: Path
    unlabelled: Path
    suggestions: Path
    out: Path

    @property
    def photo(self) -> Path:
        return next(self.photos.rglob("*.png"))


def predict(world: World) -> None:
    """Do what `twinlens predict --out` does, which writes where the function returns a table."""
    words = ["predict", world.model, world.photo, "--tta=1", "--device=cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["twinlens", *map(str, words), f"--out={world.out}.csv"])
        try:
            app(standalone_mode=False)
        except OSError as error:
            raise in_words(error) from error  # as `cli.main` does


COMMANDS: dict[str, Callable[[World], Any]] = {
    "import": lambda w: twinlens.import_images(w.photos, w.out, size=16, workers=1),
    "import --add": lambda w: twinlens.import_images(w.photos, w.data, add=True, workers=1),
    "split": lambda w: twinlens.split(w.data, val=0.2, test=0.2, name="mine"),
    "audit": lambda w: twinlens.audit(w.data),
    "show-views": lambda w: twinlens.show_views(w.data, w.out.with_suffix(".png"), count=2),
    "pretrain": lambda w: twinlens.pretrain(w.data, w.out, settings=PRETRAIN, **HOW),
    "train": lambda w: twinlens.train(w.data, w.out, settings=TRAIN, **HOW),
    "evaluate": lambda w: twinlens.evaluate(w.model, w.data, tta=1, out=w.out, device="cpu"),
    "explain": lambda w: twinlens.explain(w.model, w.data, w.photo, w.out, device="cpu"),
    "export": lambda w: twinlens.export(w.model, w.out.with_suffix(".pt2"), format="torch"),
    "predict": predict,
    "suggest": lambda w: twinlens.suggest(
        w.model, w.unlabelled, out=w.out.with_suffix(".csv"), count=2, device="cpu"
    ),
    "label": lambda w: twinlens.label(
        w.suggestions,
        w.unlabelled,
        out=w.out.with_suffix(".sqlite"),
        classes=("nevus",),
        export=w.out.with_suffix(".csv"),
    ),
    "init": lambda w: twinlens.init(w.data, w.out.with_suffix(".yaml")),
    "compare": lambda w: compare(w.study, w.out, device="cpu"),
    "tune": lambda w: tune(w.study, w.out, trials=1, folds=2, device="cpu"),
    "report": lambda w: twinlens.report(w.pretrained),
    "weights check": lambda w: check_weights(
        w.model / "model.safetensors", encoder="resnet18_quarter", picture=w.out.with_suffix(".png")
    ),
}
FAULTS = {
    "disk full": (errno.ENOSPC, "open"),
    "disk full at the end of a file": (errno.ENOSPC, "fsync"),
    "disk full at a rename": (errno.ENOSPC, "rename"),
    "no permission": (errno.EACCES, "open"),
    "no permission for a rename": (errno.EACCES, "rename"),
    "read-only": (errno.EROFS, "mkdir"),
    "folder gone": (errno.ENOENT, "rename"),
    "no locks": (errno.ENOLCK, "flock"),
}
WRITE_FILES_ALONE = (
    "split",
    "show-views",
    "export",
    "init",
    "report",
    "weights check",
    "predict",
    "suggest",
    "label",
)
NEVER = {  # what a command does not do, so that this fault cannot come
    "flock": ("audit", *WRITE_FILES_ALONE),
    "mkdir": WRITE_FILES_ALONE,
    "fsync": ("report",),
    "rename": ("report",),
}
every_command = pytest.mark.parametrize(
    "command",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in ("evaluate", "export") else [])
        for name in COMMANDS
    ],
)


@pytest.fixture(scope="module")
def _tiny():
    unknown = SimpleNamespace(table=lambda *_: "", seconds_of=None)
    with tiny_encoder(), pytest.MonkeyPatch.context() as patch:
        for command in (compare, tune):  # another process would not know the network
            patch.setattr(sys.modules[command.run.__module__], "estimate", lambda *_: unknown)
        yield


@pytest.fixture(scope="module")
def pretrained(phantoms, _tiny, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("faults") / "pretrained"
    return twinlens.pretrain(phantoms, out, settings=PRETRAIN, **HOW)


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unlabelled")
    for number in range(4):
        Image.new("RGB", (32, 32), (60 * number, 9, 9)).save(folder / f"{number}.png")
    return twinlens.import_images(
        folder, folder.with_name("unlabelled-data"), size=32, workers=1
    ).path


@pytest.fixture
def world(phantoms, trained, pretrained, unlabelled, class_folder, tmp_path) -> World:
    folder = tmp_path / "world"
    data = shutil.copytree(phantoms, folder / "data")
    study = folder / "study.yaml"
    study.write_text(yaml.safe_dump(STUDY | {"data": str(data)}))
    (folder / "suggestions.csv").write_text("id\n0.png\n")
    return World(
        data=data,
        model=trained / "model",
        photos=class_folder,
        pretrained=shutil.copytree(pretrained, folder / "pretrained"),
        study=study,
        unlabelled=unlabelled,
        suggestions=folder / "suggestions.csv",
        out=folder / "out",
    )


def _content(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _is_kept(before: dict[str, str], world: World) -> None:
    after = _content(world.out.parent)
    assert {path: after.get(path) for path in before} == before


@contextmanager
def _refused(number: int, call: str, below: Path):
    """Let the operating system refuse a call on everything below a folder; count the refusals."""
    refused = []

    def refusing(original, place=lambda *arguments: arguments[0]):
        def function(*arguments, **options):
            path = place(*arguments)
            if isinstance(path, str | Path) and Path(path).is_relative_to(below):
                writes = {*"wax+"} & set(str(options.get("mode", [*arguments, "r"][1])))
                if call != "open" or writes:
                    refused.append(path)
                    raise OSError(number, os.strerror(number), str(path))
            return original(*arguments, **options)

        return function

    def of_descriptor(descriptor, *_):
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())

    with pytest.MonkeyPatch.context() as patch:
        if call == "open":
            patch.setattr(builtins, "open", refusing(builtins.open))
            patch.setattr(io, "open", refusing(io.open))
        elif call == "rename":
            patch.setattr(os, "rename", refusing(os.rename))
            patch.setattr(os, "replace", refusing(os.replace))
        elif call == "flock":
            patch.setattr(fcntl, "flock", refusing(fcntl.flock, of_descriptor))
        elif call == "fsync":
            patch.setattr(os, "fsync", refusing(os.fsync, of_descriptor))
        else:
            patch.setattr(os, call, refusing(getattr(os, call)))
        yield refused


@pytest.mark.parametrize("fault", FAULTS)
@every_command
def test_a_refusal_is_a_sentence_and_loses_nothing(world, command, fault):
    number, call = FAULTS[fault]
    if command in NEVER.get(call, ()):
        pytest.skip(f"{command} does not call {call}")
    before, error = _content(world.out.parent), None
    with _refused(number, call, world.out.parent) as refused:
        try:
            COMMANDS[command](world)
        except UserError as caught:
            error = caught
    assert refused
    assert error is not None or command in ("compare", "tune")
    if error is not None:
        assert len(str(error).splitlines()) == 1
        assert str(error).endswith(".")
        assert "Traceback" not in str(error)
    _is_kept(before, world)
    assert not (world.out / "run.json").exists()
    assert not (world.out / "dataset.json").exists()
    assert not list(world.out.parent.rglob("*.tmp"))


@every_command
def test_a_path_that_is_too_long_is_a_sentence(world, command):
    before = _content(world.out.parent)
    world = replace(world, out=world.out.parent / ("x" * 300))
    if command in ("import --add", "split", "audit", "report"):
        pytest.skip(f"{command} has no --out")
    with pytest.raises(UserError, match="is too long a name for its disk: choose a shorter one"):
        COMMANDS[command](world)
    _is_kept(before, world)


@pytest.mark.parametrize(
    ("command", "most"),
    [(name, 1024) for name in ("import", "pretrain", "train", "evaluate", "export", "label")]
    + [("predict", 16), ("suggest", 16)],  # whose files are small
)
def test_a_file_that_may_not_grow_is_a_sentence(world, command, most):
    """Torch, safetensors and Arrow write by themselves: a limit of the system reaches them too."""
    before, (soft, hard) = _content(world.out.parent), resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
        with pytest.raises(UserError) as caught:
            COMMANDS[command](world)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(str(caught.value).splitlines()) == 1
    _is_kept(before, world)
