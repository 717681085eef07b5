import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from twinlens.data.batches import Batches
from twinlens.finetuning import objective as module
from twinlens.finetuning.objective import Objective, make_objective
from twinlens.settings.finetuning import FineTuning

LABELS = np.repeat([0, 1, 2, 3], [520, 200, 60, 20])
WITHOUT_CLASSES = np.array([0, 0, 0, 0, 2, 2, 3])


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


def test_class_weights_are_scikit_learns_and_a_class_without_images_has_none():
    expected = compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=WITHOUT_CLASSES)
    weights = module.class_weights(WITHOUT_CLASSES, 5).numpy()
    np.testing.assert_allclose(weights[[0, 2, 3]], expected, rtol=1e-6)
    assert weights[1] == weights[4] == 0
    assert sum(weights[WITHOUT_CLASSES]) == pytest.approx(len(WITHOUT_CLASSES))


def test_effective_numbers_are_the_articles_and_lie_between_none_and_the_inverse_frequency():
    counts = np.bincount(LABELS)
    weights = module.effective_number_weights(LABELS, 4).numpy()
    articles = (1 - 0.999) / (1 - 0.999**counts)
    np.testing.assert_allclose(weights / weights[0], articles / articles[0], rtol=1e-5)
    assert sum(weights[LABELS]) == pytest.approx(len(LABELS), rel=1e-5)
    nearly_none = module.effective_number_weights(LABELS, 4, beta=1e-9)
    np.testing.assert_allclose(nearly_none, 1, rtol=1e-5)
    nearly_inverse = module.effective_number_weights(LABELS, 4, beta=1 - 1e-9)
    np.testing.assert_allclose(nearly_inverse, module.class_weights(LABELS, 4), rtol=1e-4)
    assert module.effective_number_weights(WITHOUT_CLASSES, 5)[1] == 0


def test_in_small_batches_a_rare_class_has_the_say_that_its_weight_gives_it():
    """torch's own weighted mean gives the four classes 1.20, 1.13, .98 and .69 of theirs."""
    loss = make_objective(LABELS, 4, FineTuning(class_balance="loss"))
    batches, says = Batches(np.arange(800), batch_size=16, seed=0), np.zeros(4)
    for step in range(20 * batches.steps_per_epoch):
        wanted = torch.from_numpy(LABELS[batches.rows(step)])
        logits = torch.zeros(16, 4, requires_grad=True)
        loss(logits, wanted).backward()
        says += np.bincount(wanted, logits.grad.norm(dim=1), minlength=4)
    np.testing.assert_allclose(says / says.mean(), 1, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_without_weights_the_loss_is_torchs(logits, smoothing):
    wanted = torch.arange(5) % 3
    ours = Objective(label_smoothing=smoothing)(logits, wanted)
    theirs = nn.functional.cross_entropy(logits, wanted, label_smoothing=smoothing)
    torch.testing.assert_close(ours, theirs)


def test_the_logit_adjusted_loss_is_the_articles(logits):
    labels, wanted = np.repeat([0, 1, 2], [6, 3, 1]), torch.tensor([0, 1, 2, 0, 0])
    loss = make_objective(labels, 3, FineTuning(class_balance="logit_adjustment"))
    prior = torch.tensor([0.6, 0.3, 0.1])
    margins = (prior / prior[wanted][:, None]) * (logits - logits.gather(1, wanted[:, None])).exp()
    torch.testing.assert_close(loss(logits, wanted), margins.sum(1).log().mean())


def test_the_logit_adjusted_loss_learns_what_a_balanced_test_rewards():
    """A bias alone learns equal logits; with plain cross-entropy it learns the frequencies."""
    np.testing.assert_allclose(_learned("none"), np.bincount(LABELS) / 800, atol=1e-3)
    np.testing.assert_allclose(_learned("logit_adjustment"), 0.25, atol=1e-3)


def _learned(balance):
    """Return the probabilities that a bias alone learns."""
    bias, wanted = torch.zeros(4, requires_grad=True), torch.from_numpy(LABELS)
    loss = make_objective(LABELS, 4, FineTuning(class_balance=balance))
    optimizer = torch.optim.LBFGS([bias], max_iter=100)

    def closure():
        optimizer.zero_grad()
        value = loss(bias.expand(len(wanted), -1), wanted)
        value.backward()
        return value

    optimizer.step(closure)
    return bias.detach().softmax(0).numpy()


def test_a_class_without_images_leaves_the_loss_finite(logits):
    for balance in ("loss", "effective_number", "logit_adjustment"):
        config = FineTuning(class_balance=balance, label_smoothing=0.1)
        loss = make_objective(np.array([0, 0, 1]), 3, config)
        assert loss(logits, torch.tensor([0, 1, 0, 1, 0])).isfinite()
