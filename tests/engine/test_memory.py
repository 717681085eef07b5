import pytest
import torch

from twinlens.engine.memory import largest_that_fits


@pytest.mark.parametrize(
    ("below", "most", "least", "fits"),
    [(64, 40, 1, 32), (48, 40, 1, 32), (32, 32, 1, 16), (9, 1, 1, 1), (9, 1, 2, 0), (9, 0, 1, 0),
     (1, 5, 1, 0), (0, 5, 1, 0)],
)  # fmt: skip
def test_it_is_the_largest_power_of_two_below_that_succeeds(below, most, least, fits):
    tried = []

    def attempt(size):
        tried.append(size)
        if size > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    assert largest_that_fits(attempt, below, least=least) == fits
    assert tried == sorted(tried, reverse=True)
    assert all(size < below for size in tried)


def test_another_error_is_not_taken_for_a_lack_of_memory():
    def attempt(_):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        largest_that_fits(attempt, 8)
