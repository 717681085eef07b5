import numpy as np
from scipy import stats

from twinlens.seeds import derive, generator, uniforms


def test_a_name_gives_a_seed_and_another_name_another():
    assert derive(0, "a") == derive(0, "a")
    assert len({derive(s, n) for s in range(5) for n in ("a", "b", 3)}) == 15
    assert all(0 <= derive(s, "x") < 2**63 for s in range(100))
    assert generator(0, "a").random() == generator(0, "a").random()


def test_numbers_depend_on_seed_step_and_row_alone():
    rows = np.array([7, 2, 900])
    whole = uniforms(1, 5, rows, 4)
    assert np.array_equal(uniforms(1, 5, rows[1:2], 4), whole[1:2])
    assert np.array_equal(uniforms(1, 5, rows[::-1], 4), whole[::-1])
    assert np.array_equal(uniforms(1, 5, rows, 9)[:, :4], whole)
    for other in (uniforms(2, 5, rows, 4), uniforms(1, 6, rows, 4)):
        assert not np.intersect1d(whole, other).size


def test_they_are_uniform_and_independent():
    numbers = uniforms(3, 0, np.arange(20_000), 6)
    assert numbers.dtype == np.float32
    assert numbers.min() >= 0
    assert numbers.max() < 1
    for column in numbers.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4
    correlations = np.corrcoef(numbers.T)[np.triu_indices(6, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(20_000)
    neighbours = np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]
    steps = np.corrcoef(numbers[:, 0], uniforms(3, 1, np.arange(20_000), 1)[:, 0])[0, 1]
    assert max(abs(neighbours), abs(steps)) < 5 / np.sqrt(20_000)
