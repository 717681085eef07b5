"""Figure of F1 by class."""

import numpy as np
from matplotlib.axes import Axes

from twinlens.records.dataset import ClassInfo
from twinlens.records.scores import ClassScores
from twinlens.reporting.figures.lanes import LABEL_PX, lane_label, mean_mark, set_up_lanes
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import BOTTOM, MUTED, RULE, WIDE, colour
from twinlens.reporting.figures.values import show_value
from twinlens.reporting.formatting import decimal
from twinlens.reporting.study.load_study import StoredStudy


def class_panels(study: StoredStudy) -> list[Panel]:
    """Draw F1 by class at the largest label fraction, a panel a group of classes."""
    if not study.label_fractions or not any(
        run.test for run in study.runs_of("train", label_fraction=study.label_fractions[0])
    ):
        return []
    return [_class_dots(study, group, classes) for group, classes in study.class_groups.items()]


def _class_dots(study: StoredStudy, group: str, classes: list[str]) -> Panel:
    lane = LABEL_PX + 11 * len(study.arms) + 7

    def paint(axes: Axes) -> None:
        set_up_lanes(axes, height=lane * len(classes))
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("F1")
        for position, name in enumerate(classes):
            top = lane * position
            _class_label(axes, study, name, top)
            for index, arm in enumerate(study.arms):
                seeds = class_f1(study, arm, name)
                y = top + LABEL_PX + 11 * index + 5
                axes.plot(seeds, np.full(len(seeds), y), "o", color=colour(index), markersize=3.6,
                          alpha=0.4, markeredgewidth=0)  # fmt: skip
                if seeds:
                    mean = float(np.mean(seeds))
                    mark = mean_mark(axes, mean, y, index, size=8)
                    show_value(mark, f"{study.arm_title(arm)}, {name}: F1 {decimal(mean)}")

    frame = Frame(WIDE, lane * len(classes) + BOTTOM + 2, left=8, top=2)
    return Panel(group.capitalize(), frame, paint, _class_words(study, group, classes))


def class_f1(study: StoredStudy, arm: str, name: str) -> list[float]:
    """Return a class's test F1 in each run of an arm; none where it has no test image."""
    return [score.f1 for score in _class_scores(study, name, arm) if score.support]


def _class_scores(study: StoredStudy, name: str, arm: str | None = None) -> list[ClassScores]:
    runs = study.runs_of("train", arm=arm, label_fraction=study.label_fractions[0])
    return [run.test.per_class[name] for run in runs if run.test and name in run.test.per_class]


def _class_label(axes: Axes, study: StoredStudy, name: str, top: float) -> None:
    info = study.class_info.get(name, ClassInfo())
    support = max((score.support for score in _class_scores(study, name)), default=0)
    words = [name, info.title if info.title.lower() != name.lower() else ""]
    words.append(f"{support:,} images" if support else "no test image")
    lane_label(axes, top, " · ".join(filter(None, words)), indent=17)
    axes.plot(-0.004, top + LABEL_PX / 2 - 1, "s", color=info.colour or RULE, markersize=8,
              clip_on=False, markeredgecolor=MUTED, markeredgewidth=0.6)  # fmt: skip


def _class_words(study: StoredStudy, group: str, classes: list[str]) -> str:
    parts = []
    for name in classes:
        means = [(study.arm_title(arm), class_f1(study, arm, name)) for arm in study.arms]
        scores = ", ".join(f"{arm} {decimal(float(np.mean(f1)))}" for arm, f1 in means if f1)
        parts.append(f"{name}: {scores or 'no test image'}")
    return f"Mean F1 by class. {group.capitalize()} " + "; ".join(parts)
