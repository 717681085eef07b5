"""The joint embedding of each pretraining as it was run (the paper's Figure 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from twinlens.pretraining.methods import METHODS
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import MUTED, WIDE, arm_mark
from twinlens.reporting.formatting import count, method_title, plain, plural
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.study.pipeline_diagram import Box, draw_box
from twinlens.reporting.tables.tables import arm_titles

_HEIGHT, _ROW = 144, 62
_PLACES = ((0, 58), (72, 60), (146, 72), (232, 92), (352, 88))  # left edge and width, in pixels
_NAMED = 3  # arms that a panel names


def embedding_panels(study: StoredStudy) -> list[Panel]:
    """Draw how two views of a batch reach the loss; pretrainings that are alike share a panel."""
    alike: dict[str, tuple[list[str], StoredRun]] = {}
    for arm in study.arms:
        for run in study.runs_of("pretrain", arm=arm)[:1]:
            alike.setdefault(str(_boxes(run)), ([], run))[0].append(arm)
    return [_panel(study, arms, run) for arms, run in alike.values()]


def _panel(study: StoredStudy, arms: list[str], run: StoredRun) -> Panel:
    boxes, title = _boxes(run), arm_titles(study, arms)

    def paint(axes: Axes) -> None:
        axes.set(xlim=(-1, WIDE + 1), ylim=(_HEIGHT, 0))
        axes.axis("off")
        for row in (0, 1):
            y = _HEIGHT / 2 + (row - 0.5) * (_ROW + 10)
            axes.plot([_PLACES[0][1], _PLACES[-1][0]], [y, y], color=MUTED, linewidth=1.2)
            axes.text(_PLACES[-1][0] - 11, y - 8, "z′" if row else "z", color=MUTED, ha="center",
                      va="center", fontsize=10.5)  # fmt: skip
            for left, _ in _PLACES[1:]:
                axes.plot(left - 4, y, ">", color=MUTED, markersize=5, markeredgewidth=0)
        for column, (left, width) in enumerate(_PLACES):
            for row, box in enumerate(boxes[column]):
                whole = len(boxes[column]) == 1
                top = (_HEIGHT - _ROW) / 2 + (row - 0.5) * (_ROW + 10)
                draw_box(
                    axes, box, left, 4 if whole else top, width, _HEIGHT - 8 if whole else _ROW
                )

    ways = [" and ".join(_words(box) for box in column) for column in boxes]
    description = f"Joint embedding of {title}: {', then '.join(ways)}."
    known = title if len(arms) <= _NAMED else plural(len(arms), "arm")
    frame = Frame(WIDE + 10, _HEIGHT, 0, 0, 0)
    mark = arm_mark(study.arms.index(arms[0]))
    return Panel(method_title(run.method), frame, paint, description, f"Of {known}.", mark)


def _boxes(run: StoredRun) -> list[list[Box]]:
    """Return the stages from left to right: one that both views share, or one each."""
    record = run.pretraining
    assert record, "only pretrainings have this diagram"
    settings, of_method = record.settings, record.settings.model_extra or {}
    batch = Box("images", (count(settings.batch_size), "a step"))
    views = [Box(f"view {number}", (plain(settings.views),)) for number in (1, 2)]
    if of_method.get("local_views"):
        views[1] = Box("view 2", (*views[1].lines, f"+ {of_method['local_views']} small"))
    loss = Box(method_title(run.method), _numbers(run.method, of_method))
    projector = _sizes(settings.projector)
    encoders = [Box("encoder", (record.encoder, "shared"))]
    projectors = [Box("projector", projector)]
    if "teacher_momentum" in of_method:
        momentum = f"keeps {of_method['teacher_momentum']:g}"
        encoders = [Box("student", (record.encoder,)), Box("teacher", (record.encoder, momentum))]
        if "predictor" in of_method:
            predictor = f"predictor {'–'.join(_sizes(of_method['predictor']))}"
            projectors = [Box("projector", (*projector, predictor)), *projectors]
    return [[batch], views, encoders, projectors, [loss]]


def _sizes(layers: Sequence[int]) -> tuple[str, ...]:
    return tuple(map(str, layers))


def _numbers(method: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the settings of a method's loss; those of its network stand in other boxes."""
    values = {title: settings.get(key) for key, title in METHODS[method].reported.items()}
    return tuple(
        f"{title} {value:.3g}"
        for title, value in values.items()
        if isinstance(value, float) and title != "teacher momentum"
    )


def _words(box: Box) -> str:
    return ", ".join([box.title, *box.lines])
