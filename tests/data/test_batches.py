import threading

import numpy as np
import pytest
import torch

from twinlens.data import batches
from twinlens.data.batches import (
    Batches,
    ahead,
    balanced_order,
    epoch_order,
    reader,
    share,
    view_keys,
)
from twinlens.errors import UserError

PACK = np.random.default_rng(0).integers(0, 256, (50, 6, 6, 3), dtype=np.uint8)
ROWS = np.arange(5, 45)


def expected(rows):
    return torch.tensor(PACK[rows].transpose(0, 3, 1, 2) / 255, dtype=torch.float32)


def test_an_order_is_a_permutation_of_its_own_for_each_epoch_and_seed():
    orders = [epoch_order(ROWS, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(np.array_equal(np.sort(order), ROWS) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert np.array_equal(orders[1], epoch_order(ROWS, 0, 1))
    assert np.array_equal(ROWS, np.arange(5, 45))


def test_the_steps_of_an_epoch_follow_its_order_and_drop_what_fills_no_batch():
    made = Batches(ROWS, batch_size=12, seed=3)
    assert made.steps_per_epoch == 3
    for epoch in range(3):
        found = np.concatenate([made.rows(epoch * 3 + i) for i in range(3)])
        assert np.array_equal(found, epoch_order(ROWS, 3, epoch)[:36])


def test_a_batch_depends_on_its_step_alone():
    made = Batches(ROWS, batch_size=8, seed=3)
    forwards = [made.rows(step) for step in range(20)]
    backwards = [made.rows(step) for step in reversed(range(20))][::-1]
    resumed = Batches(ROWS, batch_size=8, seed=3).rows(17)
    assert np.array_equal(forwards, backwards)
    assert np.array_equal(resumed, forwards[17])


LABELS = np.array([0] * 33 + [2] * 6 + [5])


def test_balanced_epochs_show_classes_equally_and_images_of_a_class_too():
    epochs = [balanced_order(ROWS, LABELS, 3, epoch) for epoch in range(33)]
    class_of = dict(zip(ROWS, LABELS, strict=True))
    for order in epochs:
        assert len(order) == len(ROWS)
        counts = np.unique([class_of[row] for row in order], return_counts=True)[1]
        assert sorted(counts) == [13, 13, 14]
    times = np.bincount(np.concatenate(epochs))[5:]  # 33 x 40 / 3 = 440 images of each class
    assert set(times[:33]) == {440 // 33, 440 // 33 + 1}
    assert set(times[33:39]) == {440 // 6, 440 // 6 + 1}
    assert times[39] == 440


def test_balanced_batches_are_mixed_and_their_order_changes():
    made = Batches(ROWS, batch_size=10, seed=3, labels=LABELS)
    of_rare = [(made.rows(step) == 44).sum() for step in range(4000)]
    assert np.mean(of_rare) == pytest.approx(10 / 3, abs=0.05)
    assert np.bincount(of_rare, minlength=9)[1:7].min() > 50  # drawn, not dealt
    assert not np.array_equal(
        balanced_order(ROWS, LABELS, 3, 0), balanced_order(ROWS, LABELS, 4, 0)
    )


def test_balanced_batches_have_as_many_steps_and_depend_on_their_step_alone():
    made = Batches(ROWS, batch_size=12, seed=3, labels=LABELS)
    assert made.steps_per_epoch == Batches(ROWS, batch_size=12, seed=3).steps_per_epoch
    forwards = [made.rows(step) for step in range(10)]
    resumed = Batches(ROWS, batch_size=12, seed=3, labels=LABELS)
    for step in (7, 2, 9):
        assert np.array_equal(resumed.rows(step), forwards[step])


def test_an_image_that_comes_again_in_a_batch_has_another_key():
    assert np.array_equal(view_keys(np.array([3, 1, 4]), 50), [3, 1, 4])
    keys = view_keys(np.array([3, 7, 3, 3, 7]), 50)
    assert np.array_equal(keys, [3, 7, 53, 103, 57])


def test_a_batch_that_cannot_be_filled_is_refused_with_one_that_can():
    with pytest.raises(UserError, match=r"batch size 64 is larger than the 40 images.* to 32"):
        Batches(ROWS, batch_size=64, seed=0)
    with pytest.raises(UserError, match="no images to train on"):
        Batches(ROWS[:0], batch_size=64, seed=0)


@pytest.mark.parametrize("limit", [2**30, 0], ids=["resident", "from the pack"])
def test_images_are_those_of_the_rows_in_their_order(limit, monkeypatch):
    monkeypatch.setattr(batches, "CPU_LIMIT", limit)
    read = reader(PACK, ROWS)
    for rows in (epoch_order(ROWS, 3, 0)[:8], np.array([44, 5, 5, 20]), np.array([7])):
        images = read(rows)
        assert images.dtype == torch.float32
        assert images.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(images, expected(rows))


@pytest.mark.parametrize("limit", [2**30, 0], ids=["resident", "from the pack"])
def test_images_may_be_changed_in_place(limit, monkeypatch, tmp_path):
    monkeypatch.setattr(batches, "CPU_LIMIT", limit)
    np.save(tmp_path / "pack.npy", PACK)
    read = reader(np.load(tmp_path / "pack.npy", mmap_mode="r"), ROWS)
    read(ROWS).zero_()
    assert torch.equal(read(ROWS), expected(ROWS))


def test_resident_images_are_read_in_blocks(monkeypatch):
    monkeypatch.setattr(batches, "_BLOCK", 7)
    torch.testing.assert_close(reader(PACK, ROWS)(ROWS), expected(ROWS))


def test_resident_images_are_those_announced():
    with pytest.raises(IndexError, match="not announced"):
        reader(PACK, ROWS)(np.array([0]))


def test_the_next_step_is_loaded_ahead_by_a_thread_and_any_other_too():
    main, loaded = threading.current_thread(), []

    def load(step):
        loaded.append((step, threading.current_thread() is main))
        return step * 10

    read = ahead(load, resident=False)
    assert [read(step) for step in (0, 1, 2, 7, 8)] == [0, 10, 20, 70, 80]
    assert [(step, here) for step, here in loaded if here] == [(0, True), (7, True)]
    assert {step for step, here in loaded if not here} >= {1, 2, 8}


def test_what_fails_ahead_fails_when_it_is_asked_for():
    def load(step):
        if step == 1:
            raise UserError("gone")
        return step

    read = ahead(load, resident=False)
    assert read(0) == 0
    with pytest.raises(UserError, match="gone"):
        read(1)


def test_a_trial_of_a_smaller_batch_is_loaded_at_once():
    read = ahead(lambda step: (step, share.get()), resident=False)
    assert read(0) == (0, 1.0)
    token = share.set(0.5)
    assert read(1) == (1, 0.5)
    share.reset(token)
    assert read(1) == (1, 1.0)
    assert ahead(len, resident=True) is len


def test_images_of_a_memory_mapped_pack_are_announced_and_read(tmp_path, monkeypatch):
    np.save(tmp_path / "pack.npy", PACK)
    mapped, told = np.load(tmp_path / "pack.npy", mmap_mode="r"), []
    monkeypatch.setattr(batches, "CPU_LIMIT", 0)
    read, runs = reader(mapped, ROWS), batches.runs
    monkeypatch.setattr(batches, "runs", lambda rows: told.append(rows.tolist()) or runs(rows))
    rows = np.array([7, 5, 44, 6, 7])
    assert torch.equal(read(rows), expected(rows))
    assert told == [[5, 6, 7, 7, 44]]
