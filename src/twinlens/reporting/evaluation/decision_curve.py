"""The decision curve: net benefit against the probability from which one acts."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from twinlens.records.evaluation import NetBenefit
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import MUTED, WIDE, Mark, colour
from twinlens.reporting.formatting import decimal, percent

_NAMED = (0.1, 0.2, 0.3)  # thresholds that the description gives
_BELOW = 0.25  # of the highest net benefit: how far the axis goes below 0


def decision_curve(curves: Sequence[tuple[str, Sequence[NetBenefit]]]) -> Panel:
    """Draw the curve of each data set, with its interval, and that of acting always."""
    highest = max(max(of.model.high or 0, of.model.value or 0) for _, row in curves for of in row)
    top = max(highest, 0.01)

    def paint(axes: Axes) -> None:
        axes.axhline(0, color=MUTED, linewidth=0.8)
        for index, (_, row) in enumerate(curves):
            _draw(axes, row, colour(index + 1))
        axes.set(xlabel="threshold probability", ylabel="net benefit", xlim=(0, None))
        axes.set_ylim(-_BELOW * top, 1.1 * top)
        axes.grid()

    words = ", ".join(
        f"{name} {decimal(of.model.value)} at {percent(of.threshold)}"
        for name, row in curves
        for of in row
        if of.threshold in _NAMED
    )
    names = [(name, colour(index + 1)) for index, (name, _) in enumerate(curves)]
    legend = [(Mark(ink, linestyle="-"), name) for name, ink in names]
    legend += [(Mark(ink, linestyle="--"), f"{name}, acting always") for name, ink in names]
    label = f"Decision curve, net benefit: {words}."
    return Panel("Decision curve", Frame(WIDE, 360, left=52, top=6), paint, label, legend=legend)


def _draw(axes: Axes, row: Sequence[NetBenefit], ink: str) -> None:
    at = [of.threshold for of in row]
    axes.plot(at, [of.treat_all for of in row], color=ink, linestyle="--", linewidth=1)
    known = [(of.threshold, of.model.value) for of in row if of.model.value is not None]
    axes.plot([x for x, _ in known], [y for _, y in known], color=ink)
    ends = [
        (of.threshold, of.model.low, of.model.high)
        for of in row
        if of.model.low is not None and of.model.high is not None
    ]
    if ends:
        x, low, high = zip(*ends, strict=True)
        axes.fill_between(x, low, high, color=ink, alpha=0.15, linewidth=0)
