import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from html_page import Page
from typer.testing import CliRunner
from watched import ALARM, watch

from stored_runs import configure
from twinlens.cli import app
from twinlens.errors import UserError
from twinlens.files import read_json, sha256
from twinlens.reporting.pretraining import pretraining_section
from twinlens.reporting.pretraining.page import pretraining_report
from twinlens.reporting.report import report

Build = Callable[..., Path]


@pytest.fixture
def older(tmp_path: Path, build_study: Build) -> Path:
    """A run as older versions stored it."""
    config = {"weights": "random", "epochs": 20, "batch_size": 256}
    folder = build_study(tmp_path / "study", seeds=1, pretraining=config)
    return Path(shutil.copytree(folder / "runs" / "pretrain-1-0", tmp_path / "twins"))


@pytest.fixture
def run(older: Path) -> Path:
    (older / "encoder.safetensors").write_bytes(b"weights")
    return watch(older, images=60, alarm=230, verdict=["It failed.", ALARM])


def test_page_is_one_file_that_loads_nothing(run: Path) -> None:
    page = Page(pretraining_report(run))
    assert all(a.startswith(("#", "data:image/")) for a in page.addresses)
    assert not re.search(r"@import|url\((?!#)", page.html)
    assert page.runs_only_its_own_script()
    assert len(page.ids) == len(set(page.ids))
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= set(page.ids)
    numbers = [int(n) for n in re.findall(r"<b>Figure (\d+)\.</b>", page.html)]
    assert numbers == list(range(1, 8))
    assert report(run).read_text(encoding="utf-8") == page.html


def test_the_verdict_leads_and_an_alarm_is_a_notice(run: Path) -> None:
    page = Page(report(run))
    assert '<p class="lead">It failed.</p>' in page.html
    assert page.text.count(ALARM) == 1
    assert page.html.count('class="notice"') == 1
    assert page.text.index("It failed.") < page.text.index(ALARM) < page.text.index("Figure 1.")
    assert "Lines with a triangle mark alarms." in page.text


def test_key_numbers_are_those_before_and_after(run: Path) -> None:
    shown = re.findall(r"<dt>(.*?)<small>(.*?)</small></dt><dd>(.*?)</dd>", Page(report(run)).html)
    for number in (
        ("Method", "from random weights", "Barlow Twins"),
        ("Images", "training and unlabelled, 32 × 32 pixels", "1,500"),
        ("Epochs", "batches of 256", "20"),
        ("Linear probe", "balanced accuracy, 0.340 before", "0.460"),
        ("Effective rank", "of the features, 12.0 before", "52.0"),
        ("Time", "1,834 images per second", "4 min 0 s"),
    ):
        assert number in shown


def test_pairs_from_groups_are_counted(run: Path) -> None:
    assert "with a partner" not in Page(report(run)).text
    shown = Page(report(watch(run, paired=1200))).html
    assert "<dt>Images with a partner<small>of their lesion or patient</small></dt>" in shown
    assert "<dd>1,200</dd>" in shown


def test_notices_of_data_and_of_transductive_pretraining(run: Path) -> None:
    data = read_json(run / "run.json")["data"]
    configure(run, images="all")
    watch(run, transductive=True, data=data | {"notice": "Synthetic: drawn by a program."})
    page = Page(report(run))
    assert "Transductive: this pretraining has seen the validation and test images" in page.text
    assert "Synthetic: drawn by a program." in page.text
    configure(run, images="train")
    assert "the encoder that this pretraining started from has seen" in Page(report(run)).text
    watch(run, transductive=False, data=data)
    assert 'class="notice"' not in report(run).read_text(encoding="utf-8")


def test_neighbours_are_marked_by_more_than_colour(run: Path) -> None:
    page = Page(report(run))
    assert page.html.count('class="shot own"') == 3 * (1 + 2)
    assert page.html.count("<span>✓ MEL</span>") == 9
    assert "neighbours of the image’s own class: 3 of 15 before, 6 after." in page.text
    assert 'alt="Nearest after: after 4"' in page.html


def test_without_labels_nothing_is_said_of_classes(run: Path) -> None:
    assert "in the order of the linear probe" in Page(report(run)).text
    page = Page(report(watch(run, labels=(None,))))
    assert "The images have no labels, so all have one colour." in page.text
    assert "<span>no label</span>" not in page.html
    assert not re.search(r"\bprobes?\b|own class", page.text)


def test_too_large_neighbours_are_named_instead(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretraining_section, "_PICTURE_BYTES", 3000)
    assert "it is stored as neighbours.png" in Page(report(run)).text


def test_record_has_all_to_run_it_again(run: Path) -> None:
    page = Page(report(run))
    assert "twinlens pretrain data/phantom --out pretrain-1-0" in page.text
    for value in ("ab" * 32, "cd" * 32, sha256(run / "encoder.safetensors"), "epochs: 20"):
        assert value in page.text


def test_a_run_of_an_older_version_says_what_it_lacks(older: Path) -> None:
    text = Page(report(older)).text
    assert "This pretraining has no stored verdict." in text
    assert (
        "This pretraining has stored no curves, no map of the embedding and no nearest neighbours."
        in text
    )
    for name in ("views.png", "history.parquet", "lr_finder.json"):
        (older / name).unlink()
    text = Page(report(older)).text
    assert "The pairs of views were not stored." in text
    assert "Loss and schedule were not stored." in text
    assert "No learning-rate search was run." in text


def test_markup_in_names_is_text(run: Path) -> None:
    evil = '<script>alert("x")</script>'
    watch(run, labels=(evil, "b & $x_1$"), verdict=[evil], stopped=evil, command=evil)
    page = Page(report(run))
    assert page.runs_only_its_own_script()
    assert page.text.count(evil) >= 4


@pytest.mark.parametrize("name", ["history.parquet", "monitor.json", "run.json", "neighbours.json"])
def test_a_damaged_file_is_one_sentence(run: Path, name: str) -> None:
    (run / name).write_text("{}" if name == "run.json" else "no such thing")
    with pytest.raises(UserError, match=re.escape(str(run))):
        report(run)
    assert not (run / "report.html").exists()


def test_other_folders_are_refused(older: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a training, which has no report"):
        report(tmp_path / "study" / "runs" / "train-1-1-0")
    with pytest.raises(UserError, match=r"a study that .* or of a finished pretraining"):
        report(tmp_path)
    with pytest.raises(UserError, match=r"is not a finished run"):
        pretraining_report(tmp_path)


def test_the_command_prints_verdict_and_path(run: Path) -> None:
    found = CliRunner().invoke(app, ["report", str(run)])
    assert found.exit_code == 0
    assert found.stdout == f"It failed.\n{ALARM}\nReport: {run / 'report.html'}\n"
