import numpy as np

from twinlens.phantom.canvas import Canvas
from twinlens.phantom.structures import Outline


def test_lattice_and_scatter_stay_inside_the_outline():
    rng = np.random.default_rng(0)
    outline = Outline.draw(rng, 0.12)
    canvas = Canvas(400)
    border = outline.depth(canvas)
    for points in (
        outline.scatter(rng, 200, 0.2, 0.9),
        outline.lattice(rng, 0.1, jitter=0.1, high=0.9),
    ):
        columns, rows = ((points + 1) * 200).astype(int).T
        assert len(points) > 20
        assert border[rows, columns].min() > 0.05
