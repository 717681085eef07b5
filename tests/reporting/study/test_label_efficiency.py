import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from html_page import drawing
from judged import change_results

from twinlens.records.label_efficiency import EquivalentLabels, LabelEfficiency
from twinlens.reporting.figures.style import WIDE
from twinlens.reporting.study.label_efficiency import label_legend, label_panels
from twinlens.reporting.study.load_study import StoredStudy, read_study

Build = Callable[..., Path]

LABELS = {0.1: 100, 0.25: 250, 1.0: 1000}


def _read(
    folder: Path, rows: Sequence[EquivalentLabels] = (), labels: dict[float, int] = LABELS
) -> StoredStudy:
    efficiency = LabelEfficiency(labels=labels, val_labels=50, equivalent_labels=list(rows))
    change_results(folder, label_efficiency=efficiency)
    return read_study(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, build_study: Build) -> Path:
    path = tmp_path_factory.mktemp("labels") / "study"
    return build_study(
        path, arms=["random", "twins"], pretrained=[], label_fractions=(1.0, 0.25, 0.1)
    )


def _row(
    label_fraction: float,
    means: tuple[int | None, int | None],
    sure: tuple[int | None, int | None] = (None, None),
    arm: str = "twins",
) -> EquivalentLabels:
    return EquivalentLabels(
        arm=arm,
        label_fraction=label_fraction,
        labels=LABELS[label_fraction],
        n=3,
        mean_low=means[0],
        mean_high=means[1],
        low=sure[0],
        high=sure[1],
        sentence="",
    )


def test_each_arm_is_a_line_through_its_means_over_the_label_fractions(folder: Path) -> None:
    study = _read(folder)
    (panel,) = label_panels(study)
    for number in LABELS.values():
        assert f">{number:,}</text>" in drawing(panel)
    label = drawing(panel)[: drawing(panel).index("viewBox") + 2000]
    for arm in ("random", "twins"):
        found = study.summary(arm, 0.25, study.primary)
        assert found
        assert f"{found.mean:.3f} with 250" in label
    assert [name for _, name in label_legend(study)] == ["random", "twins"]
    assert drawing(panel).count("opacity: 0.12") == 2  # a band each


def test_equivalent_labels_are_marked_at_the_largest_fraction_that_has_them(
    folder: Path,
) -> None:
    rows = [_row(0.1, (100, 250)), _row(0.25, (250, 1000)), _row(1.0, (1000, None))]
    (panel,) = label_panels(_read(folder, rows))
    assert ">250–1,000 labels</text>" in drawing(panel)
    assert "100–250" not in drawing(panel)


def test_unknown_equivalent_labels_are_not_marked(folder: Path) -> None:
    (panel,) = label_panels(_read(folder, [_row(1.0, (None, 100))]))
    assert "labels</text>" not in drawing(panel)


def test_one_label_fraction_makes_no_curve(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    assert label_panels(read_study(folder)) == []
    assert label_panels(_read(folder, labels={1.0: 1000})) == []


def test_one_seed_has_a_line_and_no_band(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1, label_fractions=(1.0, 0.1))
    (panel,) = label_panels(_read(folder))
    assert "opacity: 0.12" not in drawing(panel)


def test_many_arms_have_a_panel_each_beside_the_reference(
    tmp_path: Path, build_study: Build
) -> None:
    arms = [f"arm {number}" for number in range(7)]
    folder = build_study(
        tmp_path / "study", arms=arms, pretrained=[], seeds=1, label_fractions=(1.0, 0.1)
    )
    study = _read(folder, [_row(0.1, (250, 250), arm="arm 3")])
    panels = label_panels(study)
    assert [panel.title for panel in panels] == arms[1:]
    marked = [">250 labels</text>" in drawing(panel) for panel in panels]
    assert marked == [arm == "arm 3" for arm in arms[1:]]
    assert [name for _, name in label_legend(study)] == ["arm 0"]


def test_an_arm_without_results_is_left_out(folder: Path) -> None:
    change_results(folder, arms=["random", "twins", "broken"])
    (panel,) = label_panels(_read(folder))
    assert "broken no finished run" in drawing(panel)


@pytest.mark.parametrize(("low", "high"), [(100, 250), (None, 250), (None, None)])
def test_the_sure_bounds_are_a_line_that_may_be_open(
    folder: Path, low: int | None, high: int | None
) -> None:
    (panel,) = label_panels(_read(folder, [_row(0.1, (100, 250), (low, high))]))
    (line,) = re.findall(r'<path d="M ([\d.]+) [\d.]+ L ([\d.]+) [^"]*"[^>]*stroke-width: 0.7',
                         drawing(panel).replace("\n", " "))  # fmt: skip
    frame = 58, WIDE  # beside the margin of 8 pixels

    def at(labels: float) -> float:
        share = np.log(labels / (100 / 1.15)) / np.log(1000 * 1.15 / (100 / 1.15))
        return frame[0] + share * (frame[1] - frame[0])

    assert float(line[0]) == pytest.approx(at(low) if low else frame[0], abs=0.2)
    assert float(line[1]) == pytest.approx(at(high) if high else frame[1], abs=0.2)
