import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from html_page import Page
from judged import judge, read_results

from twinlens.errors import UserError
from twinlens.reporting.figures.figure_files import ReportFigure
from twinlens.reporting.report import report
from twinlens.reporting.tables.exports import as_csv
from twinlens.reporting.tables.tables import Cell, Table

Build = Callable[..., Path]

SAVE = ReportFigure.save  # that of the session is replaced

ARMS = ("random", "random + Barlow Twins")
DIFFERENCES = (
    "arm,reference,label_fraction,metric,n,difference,low,high,covers,level,"
    "seeds_low,seeds_high,p,p_holm,false_claim,effect_size,sd_ratio,sd_ratio_low,sd_ratio_high,seeds_needed_low,seeds_needed"
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, build_study: Build) -> Path:
    folder = build_study(
        tmp_path_factory.mktemp("exports") / "study", seeds=5, label_fractions=(1.0, 0.1)
    )
    judge(folder)
    report(folder)
    return folder


def rows(study: Path, name: str) -> list[dict[str, str]]:
    with (study / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_table_and_figure_of_the_page_has_its_files(study: Path) -> None:
    page = Page(study / "report.html")
    tables = {path.name for path in (study / "tables").iterdir()} - {"README.txt"}
    figures = {path.name for path in (study / "figures").iterdir()} - {"README.txt"}
    assert len(tables) == 2 * page.html.count("<b>Table ")
    assert len(figures) == 2 * page.html.count("<b>Figure ")
    for name in ("arms", "differences", "effect_sizes", "f1_by_class", "counts", "augmentation",
                 "cost", "runs", "test_access", "hashes", "checklist"):  # fmt: skip
        assert {f"{name}.csv", f"{name}.tex"} <= tables
        assert f"tables/{name}" in page.text
    assert {"differences.svg", "differences.pdf", "confusion.svg", "views.pdf"} <= figures


def test_arms_are_kept_in_full_precision(study: Path) -> None:
    results = read_results(study)
    metrics = results.metrics
    stored = rows(study, "arms")
    names = [f"{m}{part}" for m in metrics for part in ("", "_sd", "_low", "_high")]
    assert [*stored[0]] == ["arm", "label_fraction", "seeds", *names]
    assert [(r["arm"], float(r["label_fraction"])) for r in stored] == [
        (arm, label_fraction) for label_fraction in (1.0, 0.1) for arm in ARMS
    ]
    for row in stored:
        for metric in metrics:
            found = results.summary(row["arm"], float(row["label_fraction"]), metric)
            assert float(row[metric]) == found.mean
            assert float(row[f"{metric}_sd"]) == found.sd
            assert tuple(float(row[f"{metric}_{end}"]) for end in ("low", "high")) == found.interval
            assert row["seeds"] == "5"


def test_differences_hold_what_was_computed_and_are_empty_elsewhere(study: Path) -> None:
    results = read_results(study)
    stored = {(row["label_fraction"], row["metric"]): row for row in rows(study, "differences")}
    assert ",".join(next(iter(stored.values()))) == DIFFERENCES
    main = stored["1.0", "balanced_accuracy"]
    expected = results.difference(ARMS[1], 1.0, "balanced_accuracy")
    assert float(main["difference"]) == expected.mean
    assert float(main["p_holm"]) == expected.p_holm
    assert float(main["effect_size"]) == expected.effect_size
    ratio = tuple(float(main[f"sd_ratio_{end}"]) for end in ("low", "high"))
    assert ratio == expected.sd_ratio_interval
    assert int(main["seeds_needed"]) == expected.seeds_needed
    other = stored["0.1", "accuracy"]
    assert (other["p_holm"], other["seeds_needed"]) == ("", "")
    assert float(other["p"]) == results.difference(ARMS[1], 0.1, "accuracy").p


def test_a_study_of_two_seeds_has_the_same_columns(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2)
    report(folder)
    stored = rows(folder, "differences")
    assert ",".join(stored[0]) == DIFFERENCES
    assert {row["effect_size"] for row in stored} == {""}


def test_what_an_earlier_report_left_goes(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    report(folder)
    (folder / "tables" / "of_an_older_version.csv").touch()
    report(folder)
    assert not (folder / "tables" / "of_an_older_version.csv").exists()
    assert (folder / "tables" / "arms.csv").is_file()


@pytest.mark.parametrize("name", ["tables", "figures"])
def test_a_folder_of_somebody_else_is_refused_and_nothing_written(
    tmp_path: Path, build_study: Build, name: str
) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    (folder / name).mkdir()
    (folder / name / "mine.csv").write_text("1")
    with pytest.raises(UserError, match=f"{name} holds no README.txt, so it is not ours"):
        report(folder)
    written = {"report.html", "tables", "figures"} & {path.name for path in folder.iterdir()}
    assert written == {name}
    assert [path.name for path in (folder / name).iterdir()] == ["mine.csv"]


def test_a_figure_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, build_study: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    page = report(folder).read_text(encoding="utf-8")
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(ReportFigure, "save", fail)
    with pytest.raises(UserError, match="no space left"):
        report(folder)
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()} == before
    assert (folder / "report.html").read_text(encoding="utf-8") == page


def test_figures_are_written_as_svg_and_pdf(
    tmp_path: Path, build_study: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReportFigure, "save", SAVE)
    folder = build_study(tmp_path / "study", arms=["random"], pretrained=[], seeds=1)
    for run in (folder / "runs").iterdir():
        (run / "history.parquet").unlink()
    report(folder)
    svg = (folder / "figures" / "confusion.svg").read_text(encoding="utf-8")
    assert "<svg" in svg
    assert ">MEL</text>" in svg
    assert (folder / "figures" / "confusion.pdf").read_bytes().startswith(b"%PDF")


def test_arms_whose_names_differ_in_signs_alone_have_files_of_their_own(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "study", arms=["a+b", "a b"], pretrained=[], seeds=1)
    report(folder)
    arms = {rows(folder, f"classification_a_b{end}")[0]["arm"] for end in ("", "-2")}
    assert arms == {"a+b", "a b"}


def test_a_table_without_records_is_written_as_it_stands() -> None:
    table = Table([Cell("A"), Cell("B")], [[Cell("x, y"), Cell('"1"')]])
    assert as_csv(table) == 'A,B\n"x, y","""1"""\n'
