"""How a pretraining developed: ``monitor.json``."""

from typing import Literal

from twinlens.records.base import Record


class Evaluation(Record):
    """What the monitor measured at a step; of the embeddings without a loss's weighting.

    Attributes:
        step: Steps done over all phases; 0 is before the first.
        epoch: The same in epochs.
        feature_rank: Effective rank of the encoder's features.
        feature_dispersion: Their relative dispersion: 0 where all images have the same features.
        lidar: LiDAR of the features; null in older runs.
        alpha_req: Decay of their eigenvalues; null where there are too few, and in older runs.
        embedding_rank: Effective rank of the projector's embeddings.
        embedding_dispersion: Their relative dispersion.
        on_diagonal: Mean of the diagonal of both views' cross-correlation matrix.
        off_diagonal: Root mean square of its other elements.
        linear_probe: Balanced accuracy of a linear probe; null without labels.
        knn_probe: Balanced accuracy of a kNN probe; null without labels.
    """

    step: int
    epoch: float
    feature_rank: float
    feature_dispersion: float
    embedding_rank: float
    embedding_dispersion: float
    on_diagonal: float
    off_diagonal: float
    lidar: float | None = None
    alpha_req: float | None = None
    linear_probe: float | None = None
    knn_probe: float | None = None


class Alarm(Record):
    """A collapse of the features or embeddings, or a fall of the probe, and when it was detected.

    Attributes:
        step: Steps done over all phases.
        message: What was detected, and what to try.
        kind: "collapse", or "probe" for a linear probe that fell below its start.
    """

    step: int
    message: str
    kind: Literal["collapse", "probe"] = "collapse"


class ProbeData(Record):
    """The labelled training images that the probes use.

    Attributes:
        images: Their number.
        folds: Folds that share no group; each is scored by a probe fitted to the others.
        classes: Number of classes.
        standard_error: Upper bound of the standard error of a balanced accuracy.
    """

    images: int
    folds: int
    classes: int
    standard_error: float


class MonitorRecord(Record):
    """The evaluations of a pretraining, and what followed from them.

    Attributes:
        images: Number of images whose features and embeddings are measured.
        probe: The images of the probes; null if there are not enough labels for any.
        evaluations: In order of their steps; none if the monitor was off.
        alarms: What went wrong, at most one of a kind.
        kept: Which weights were kept: "last", or those of the best linear probe.
        kept_step: The step of these weights; null for the last.
        stopped: Why training ended early; null if it did not.
    """

    images: int
    probe: ProbeData | None
    evaluations: tuple[Evaluation, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    kept: str = "last"
    kept_step: int | None = None
    stopped: str | None = None

    @property
    def kept_evaluation(self) -> Evaluation:
        """The evaluation of the weights that were kept; there must be at least one."""
        last = self.evaluations[-1]
        return next((e for e in self.evaluations if e.step == self.kept_step), last)
