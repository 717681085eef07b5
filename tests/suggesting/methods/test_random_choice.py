import numpy as np

from twinlens.suggesting.methods.random_choice import choose


def test_unlabelled_rows_are_equally_likely_and_never_repeated(planted):
    pool, _ = planted([4, 2], labelled=[0])
    drawn = [[pick.row for pick in choose(pool, 2, seed)] for seed in range(2000)]
    assert all(len(set(rows)) == 2 for rows in drawn)
    counts = np.bincount(np.ravel(drawn), minlength=6)
    assert counts[0] == 0
    assert abs(counts[1:] - 800).max() < 5 * np.sqrt(2000 * 0.4 * 0.6)
    assert [pick.row for pick in choose(pool, 9, 0)] == [pick.row for pick in choose(pool, 9, 0)]
