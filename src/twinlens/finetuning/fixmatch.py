"""FixMatch: unlabelled images learn from what the classifier is sure of (arXiv 2001.07685)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812, the field's own name
from torch import Tensor, nn

from twinlens.data.batches import Batches, ahead, reader
from twinlens.data.dataset import Dataset
from twinlens.engine.phase import Loss
from twinlens.errors import UserError
from twinlens.finetuning.job import Job
from twinlens.finetuning.labelled_batches import LabelledBatch
from twinlens.models.encoders import Encoder
from twinlens.seeds import derive
from twinlens.settings.finetuning import FineTuning
from twinlens.types import Images, Logits, Rows
from twinlens.views.recipes import named_recipe
from twinlens.views.view import normalise, view


class AdaptiveThreshold(nn.Module):
    """The confidence that a pseudo-label needs, by class (FreeMatch, arXiv 2205.07246).

    It rises with the mean confidence of the classifier, and is lower for classes that it rarely
    predicts. The state is in the state dict, so a resumed training goes on with it.
    """

    def __init__(self, classes: int, *, momentum: float = 0.99) -> None:
        """Start from an equal share for each class.

        Args:
            classes: Number of classes.
            momentum: Share of itself that an average keeps at a step; the article's .999 is for
                a million steps.
        """
        super().__init__()
        self.momentum = momentum
        self.confidence: Tensor
        self.shares: Tensor
        self.register_buffer("confidence", torch.tensor(1 / classes))
        self.register_buffer("shares", torch.full((classes,), 1 / classes))

    @torch.no_grad()
    def update(self, probabilities: Logits) -> Tensor:
        """Take a batch into account, and return the threshold of each class.

        Equations 5 to 8 of the article.

        Args:
            probabilities: Of the weak views, shape (batch, class).
        """
        self.confidence.lerp_(probabilities.amax(1).mean(), 1 - self.momentum)
        self.shares.lerp_(probabilities.mean(0), 1 - self.momentum)
        return self.confidence * self.shares / self.shares.max()


def unlabelled_loss(
    weak: Logits, strong: Logits, thresholds: Callable[[Logits], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the loss of unlabelled images, and the share of them that has a pseudo-label.

    The cross-entropy of the strong view with the class that the weak view is sure of, summed over
    those images and divided by the number of all (equation 4 of FixMatch).

    Args:
        weak: Logits of the weak views, without a gradient.
        strong: Logits of the strong views of the same images.
        thresholds: From the probabilities of the weak views to the confidence that each class
            needs.
    """
    probabilities = weak.detach().float().softmax(dim=1)
    confidence, classes = probabilities.max(dim=1)
    sure = (confidence >= thresholds(probabilities)[classes]).float()
    losses = F.cross_entropy(strong.float(), classes, reduction="none")
    return (sure * losses).mean(), sure.mean()


def unlabelled_batch(config: FineTuning, unlabelled: Rows, data: Dataset) -> int:
    """Return the number of unlabelled images of a step.

    Raises:
        UserError: There are fewer.
    """
    count = config.semi_ratio * config.batch_size
    if len(unlabelled) < count:
        raise UserError(
            f"FixMatch takes {count} unlabelled images a step, and {data.path} has "
            f"{len(unlabelled)}: lower semi_ratio or batch_size, or leave out semi."
        )
    return count


def fixmatch(
    job: Job,
    encoder: Encoder,
    labelled: Callable[[int], LabelledBatch],
    adaptive: AdaptiveThreshold | None,
    seed: int,
) -> Loss:
    """Return the loss of labelled images and, with weight `semi_weight`, of unlabelled ones.

    All views of a step are one batch, so that BatchNorm sees them together.

    Args:
        job: What is trained on what.
        encoder: Gives the normalisation.
        labelled: The labelled batch of a step.
        adaptive: Gives the thresholds; None for `semi_threshold`.
        seed: Of batches and views of the unlabelled images.

    Raises:
        UserError: There are too few unlabelled images.
    """
    config, read = job.config, reader(job.data.images, job.unlabelled, job.fabric.device)
    count = unlabelled_batch(config, job.unlabelled, job.data)
    batches = Batches(job.unlabelled, batch_size=count, seed=derive(seed, "unlabelled"))
    recipes = [named_recipe(name, config.view_changes) for name in (config.views, "strong")]

    def read_step(step: int) -> tuple[Rows, Images]:
        rows = batches.rows(step)
        return rows, read(rows)

    load = ahead(read_step, resident=read.resident)

    def thresholds(probabilities: Logits) -> Tensor:
        if adaptive is not None:
            return adaptive.update(probabilities)
        return torch.full_like(probabilities[0], float(config.semi_threshold))

    def loss(model: nn.Module, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        images, labelled_loss = labelled(step)
        batch, unlabelled = load(step)
        size = images.shape[-1]
        weak, strong = (
            normalise(
                view(unlabelled, batch, recipe=recipe, seed=seed, step=step, number=n, size=size),
                encoder.mean,
                encoder.std,
            )
            for n, recipe in enumerate(recipes, start=1)
        )
        logits = model(torch.cat([images, weak, strong])).split(
            [len(images), len(weak), len(strong)]
        )
        supervised = labelled_loss(logits[0])
        of_unlabelled, sure = unlabelled_loss(logits[1], logits[2], thresholds)
        terms = {"labelled": supervised.detach(), "unlabelled": of_unlabelled.detach()}
        return supervised + config.semi_weight * of_unlabelled, terms | {"sure": sure}

    return loss
