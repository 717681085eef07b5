from itertools import groupby

import pytest

from twinlens.engine.timing import rehearsing
from twinlens.errors import UserError
from twinlens.finetuning.image_sizes import progressive_sizes


def test_sizes_rise_in_four_equal_stages():
    sizes = progressive_sizes(64, 130, 40)
    assert [(size, len(list(steps))) for size, steps in groupby(sizes)] == [
        (64, 10), (80, 10), (112, 10), (130, 10),
    ]  # fmt: skip


def test_without_a_start_there_is_one_size():
    assert progressive_sizes(None, 130, 3) == [130] * 3


def test_few_steps_end_at_less_than_the_last_stage_but_never_fail():
    assert progressive_sizes(64, 128, 1) == [64]
    assert progressive_sizes(64, 128, 0) == []


def test_sizes_that_would_shrink_are_refused():
    with pytest.raises(UserError, match="progressive_from=65 is above the 64 pixels"):
        progressive_sizes(65, 64, 10)


def test_a_rehearsal_takes_the_size_of_a_mean_area():
    with rehearsing():
        assert set(progressive_sizes(64, 128, 8)) == {96}
