import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from trained import train_small
from twinlens.data.batches import Batches
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split, unlabelled_rows
from twinlens.engine import loop
from twinlens.errors import UserError
from twinlens.finetuning import fixmatch as module
from twinlens.finetuning.fixmatch import AdaptiveThreshold, unlabelled_loss
from twinlens.settings.finetuning import configure_training

FIXMATCH = {"semi": "fixmatch", "semi_threshold": "adaptive", "epochs": 1, "tuning": "full"}


def test_only_sure_images_count_and_the_mean_is_over_all():
    weak = torch.tensor([[5.0, 0, 0], [0.2, 0, 0], [0, 0, 4.0]], requires_grad=True)
    strong = torch.tensor([[0.0, 1, 0], [1, 2, 3], [0, 0, 2.0]], requires_grad=True)
    loss, sure = unlabelled_loss(weak, strong, lambda p: torch.full_like(p[0], 0.9))
    logs = strong.detach().log_softmax(1)
    torch.testing.assert_close(loss, -(logs[0, 0] + logs[2, 2]) / 3)
    assert sure == pytest.approx(2 / 3)
    loss.backward()
    assert weak.grad is None
    assert (strong.grad[1] == 0).all()


def test_without_a_sure_image_the_loss_is_zero():
    loss, sure = unlabelled_loss(torch.zeros(4, 3), torch.randn(4, 3), lambda p: p[0] * 0 + 0.95)
    assert loss == sure == 0


def test_the_adaptive_threshold_is_freematchs():
    adaptive = AdaptiveThreshold(3, momentum=0.8)
    confidence, shares = 1 / 3, np.full(3, 1 / 3)
    for step in range(5):
        p = torch.rand(16, 3, generator=torch.Generator().manual_seed(step)).softmax(1)
        confidence = 0.8 * confidence + 0.2 * p.numpy().max(1).mean()
        shares = 0.8 * shares + 0.2 * p.numpy().mean(0)
        expected = shares / shares.max() * confidence
        np.testing.assert_allclose(adaptive.update(p), expected, rtol=1e-5)


def test_a_rarely_predicted_class_needs_less_confidence():
    adaptive = AdaptiveThreshold(2)
    for _ in range(500):
        thresholds = adaptive.update(torch.tensor([[0.95, 0.05], [0.9, 0.1]]))
    assert thresholds[1] < 0.2 < 0.9 < thresholds[0]


def test_it_learns_from_unlabelled_images_and_a_resumed_run_ends_the_same(
    phantoms, tmp_path, monkeypatch
):
    data = open_dataset(phantoms)
    split, seen = open_split(data), []
    allowed = np.setdiff1d(unlabelled_rows(split), split.rows["train"])
    view = module.view
    with monkeypatch.context() as watching:
        watching.setattr(
            module, "view", lambda x, rows, **k: seen.append(rows) or view(x, rows, **k)
        )
        whole = train_small(phantoms, tmp_path / "whole", settings=FIXMATCH)
    assert set(np.concatenate(seen)) <= set(allowed)
    assert {"labelled", "unlabelled", "sure"} <= set(pd.read_parquet(whole / "history.parquet"))
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    calls = iter(range(100))

    def killer(*arguments, **options):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return view(*arguments, **options)

    with monkeypatch.context() as killing:
        killing.setattr(module, "view", killer)
        with pytest.raises(KeyboardInterrupt):
            train_small(phantoms, tmp_path / "run", settings=FIXMATCH)
    resumed = train_small(phantoms, tmp_path / "run", settings=FIXMATCH, resume=True)
    ours, theirs = (load_file(run / "model" / "model.safetensors") for run in (whole, resumed))
    assert not [name for name in ours if not torch.equal(ours[name], theirs[name])]


def test_too_few_unlabelled_images_are_said(phantoms, tmp_path):
    with pytest.raises(UserError, match=r"FixMatch takes 320 unlabelled images a step, and .* has"):
        train_small(phantoms, tmp_path / "run", settings=FIXMATCH | {"semi_ratio": 20})


def test_a_step_that_takes_a_part_of_its_batch_takes_a_part_of_the_unlabelled_images(
    phantoms, tmp_path, monkeypatch
):
    monkeypatch.setattr(Batches, "rows", lambda self, step, rows=Batches.rows: rows(self, step)[:6])
    train_small(phantoms, tmp_path / "run", settings=FIXMATCH)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"views": "strong"}, "FixMatch draws strong views beside those of 'views'"),
        ({"classes": ["a", "b"]}, "'semi' would give images of other classes a label"),
    ],
)
def test_settings_that_contradict_it_are_refused(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        configure_training("recommended", FIXMATCH | settings)


def test_changes_of_the_views_hold_for_the_strong_one_too(phantoms, tmp_path, monkeypatch):
    recipes, view = [], module.view
    monkeypatch.setattr(
        module,
        "view",
        lambda *a, recipe, **k: recipes.append(recipe) or view(*a, recipe=recipe, **k),
    )
    train_small(
        phantoms, tmp_path / "run",
        settings=FIXMATCH | {"view_changes": {"vertical_flip": {"p": 0.0}}},
    )  # fmt: skip
    assert {recipe.rand_augment.operations for recipe in recipes} == {0, 2}
    assert {recipe.vertical_flip.p for recipe in recipes} == {0}
