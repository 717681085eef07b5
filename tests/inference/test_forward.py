from threading import Event

import numpy as np
import pytest
import torch

from twinlens.data.batches import PackReader
from twinlens.inference.forward import in_batches

ROWS = np.array([4, 0, 3, 1, 2, 6, 5])
IMAGES = torch.arange(7.0).reshape(7, 1, 1, 1).expand(7, 3, 2, 2)


def mean(images):
    return images.mean(dim=(1, 2, 3))[:, None]


def test_outputs_are_in_the_order_of_the_rows():
    found = in_batches(mean, lambda rows: IMAGES[rows], ROWS, 3, "")
    np.testing.assert_array_equal(found, ROWS[:, None])


@pytest.mark.parametrize("resident", [True, False])
def test_each_batch_is_read_once_also_where_its_images_go_through_the_network_in_parts(resident):
    read, passed = [], []

    def images_of(rows):
        read.extend(rows.tolist())
        return IMAGES[rows]

    def output(images):
        if len(images) > 2:
            raise MemoryError
        passed.append(len(images))
        return mean(images)

    found = in_batches(output, PackReader(images_of, resident), ROWS, 5, "")
    np.testing.assert_array_equal(found, ROWS[:, None])
    assert read == ROWS.tolist()
    assert passed == [2, 2, 1, 2]


def test_a_fault_other_than_of_memory_is_raised():
    def broken(images):
        raise ValueError("another fault")

    with pytest.raises(ValueError, match="another fault"):
        in_batches(broken, lambda rows: IMAGES[rows], ROWS, 5, "")


def test_images_that_are_not_in_memory_are_read_a_batch_ahead():
    read = [Event() for _ in range(4)]
    count = iter(read)

    def images_of(rows):
        next(count).set()
        return IMAGES[rows]

    def output(images):
        following = next(upcoming)
        assert following.wait(timeout=60)  # read by the thread while this batch is computed
        return mean(images)

    upcoming = iter(read[1:])
    in_batches(output, PackReader(images_of, False), ROWS[:6], 2, "")
