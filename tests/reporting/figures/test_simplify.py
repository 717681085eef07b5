import numpy as np

from twinlens.reporting.figures.simplify import kept


def test_thinning_moves_a_curve_by_less_than_the_tolerance() -> None:
    x = np.linspace(0, 1, 5001)
    y = np.floor(400 * np.sqrt(x)) / 400
    rows = kept(x, y, 0.002)
    assert len(rows) < 300
    assert (rows[0], rows[-1]) == (0, 5000)
    pieces = np.column_stack([x, y])[rows]
    start, along = pieces[:-1], np.diff(pieces, axis=0)
    for point in np.column_stack([x, y]):
        at = ((point - start) * along).sum(1) / (along**2).sum(1)
        away = np.linalg.norm(start + np.clip(at, 0, 1)[:, None] * along - point, axis=1)
        assert away.min() <= 0.002 + 1e-9


def test_a_straight_line_keeps_its_ends_and_a_peak_stays() -> None:
    line = np.linspace(0, 1, 50)
    assert kept(line, line).tolist() == [0, 49]
    assert kept(np.zeros(3), np.array([0.0, 1.0, 0.0])).tolist() == [0, 1, 2]
    assert kept(np.zeros(1), np.zeros(1)).tolist() == [0]
