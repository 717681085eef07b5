import pytest

from twinlens.errors import UserError
from twinlens.study.running.pool import Pool


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        (Pool(workers=0), "--workers 0 must be 1 or more"),
        (Pool(workers=2, runs_per_gpu=0), "--runs-per-gpu 0 must be 1 or more"),
    ],
)
def test_less_than_one_is_refused(pool, message):
    with pytest.raises(UserError, match=message):
        pool.check()


def test_one_process_and_one_run_a_gpu_are_the_default():
    Pool().check()
    assert Pool().workers is None
