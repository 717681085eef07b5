import numpy as np

from twinlens.phantom.canvas import Canvas, clod


def test_waves_are_a_sum_of_plane_waves_fixed_to_the_lesion():
    canvas = Canvas(9, angle=0.7, zoom=1.3, centre=(0.2, -0.1))
    field = canvas.waves(np.random.default_rng(0), 0.5, count=3)
    rng = np.random.default_rng(0)
    direction, spread = rng.uniform(0, 2 * np.pi, 3), rng.normal(0, 0.35, 3)
    phase = rng.uniform(0, 2 * np.pi, 3)
    u, v = canvas.uv
    expected = np.zeros((9, 9))
    for i in range(3):
        k = 2 * np.pi / (0.5 * np.exp(spread[i]))
        along = np.cos(direction[i]) * u + np.sin(direction[i]) * v
        expected += np.sqrt(2 / 3) * np.cos(k * along + phase[i])
    np.testing.assert_allclose(field, expected, atol=1e-4)


def test_shapes_lie_where_the_coordinates_say():
    canvas = Canvas(200, angle=0.7, zoom=0.8, centre=(0.2, -0.1))
    centre = np.array([0.3, 0.1])
    mask = canvas.shapes([clod(np.random.default_rng(0), centre, 0.2, wobble=0.0)])
    u, v = canvas.uv
    inside = np.hypot(u - centre[0], v - centre[1]) < 0.2
    assert np.mean(np.abs(mask - inside)) < 0.005
    assert inside.mean() > 0.015
