import math

import numpy as np
import pytest

from twinlens.engine.one_cycle import constant, one_cycle


def test_eight_steps_equal_the_cosines_computed_by_hand():
    schedule = one_cycle(8, 1.0, warmup=0.25, start_divisor=25, end_divisor=1e5)
    rising = [0.04, 0.04 + 0.96 * (1 - math.cos(math.pi / 2)) / 2]
    falling = [1 + (1e-5 - 1) * (1 - math.cos(math.pi * i / 6)) / 2 for i in range(6)]
    np.testing.assert_allclose(schedule.lr, rising + falling, rtol=1e-12)
    np.testing.assert_allclose(schedule.momentum[:3], [0.95, 0.9, 0.85], rtol=1e-12)
    np.testing.assert_allclose(schedule.momentum[5], 0.9, rtol=1e-12)


def test_the_rate_peaks_where_momentum_is_lowest_and_nowhere_leaves_its_range():
    schedule = one_cycle(1000, 3e-3)
    peak = int(schedule.lr.argmax())
    assert peak == 250 == int(schedule.momentum.argmin())
    assert schedule.lr[peak] == pytest.approx(3e-3)
    assert schedule.lr[0] == pytest.approx(3e-3 / 25)
    assert 3e-8 <= schedule.lr[-1] < 1e-7
    assert (np.diff(schedule.lr[:251]) > 0).all()
    assert (np.diff(schedule.lr[250:]) < 0).all()
    assert schedule.momentum.min() == pytest.approx(0.85)
    assert schedule.momentum.max() == pytest.approx(0.95)


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_very_short_schedules_have_their_length_and_are_finite(steps):
    schedule = one_cycle(steps, 1e-3)
    assert len(schedule) == steps == len(schedule.momentum)
    assert np.isfinite(schedule.lr).all()


def test_constant():
    schedule = constant(3, 1e-3, momentum=0.9)
    assert schedule.lr.tolist() == [1e-3] * 3
    assert schedule.momentum.tolist() == [0.9] * 3
