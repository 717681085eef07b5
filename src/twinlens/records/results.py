"""What ``results.json`` of a study holds: flat rows by arm, label fraction and metric."""

from typing import Literal, TypeVar

import pandas as pd
from pydantic import Field

from twinlens.records.base import Record
from twinlens.records.bundle import ModelChoice
from twinlens.records.label_efficiency import LabelEfficiency

Ends = tuple[float, float]
Covers = Literal["seeds and test images", "seeds", "test images"]
"""What the interval of a difference holds for."""

Row = TypeVar("Row", "ArmSummary", "Difference")


def _ends(low: float | None, high: float | None) -> Ends | None:
    return None if low is None or high is None else (low, high)


class ArmSummary(Record):
    """One metric of one arm on the test images, over seeds.

    Attributes:
        arm: Name of the arm.
        label_fraction: Fraction of the labelled training images that it was trained on.
        metric: Name in `METRICS`.
        n: Number of seeds.
        mean: Mean over seeds.
        sd: Standard deviation over seeds (n - 1); None for one seed.
        low: Lower end of the 95 % interval of the mean; None where there is no interval.
        high: Its upper end.
        note: Why there is no interval; empty where there is one.
        seeds: The seeds.
        values: Value of each seed.
    """

    arm: str
    label_fraction: float
    metric: str
    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    note: str
    seeds: list[int]
    values: list[float]

    @property
    def interval(self) -> Ends | None:
        """The 95 % interval of the mean, if there is one."""
        return _ends(self.low, self.high)


class Difference(Record):
    """One metric of one arm minus that of the reference arm, paired by seed.

    Attributes:
        arm: Name of the arm.
        label_fraction: Fraction of the labelled training images that both were trained on.
        metric: Name in `METRICS`.
        n: Number of seeds that both arms have.
        mean: Mean difference.
        low: Lower end of the 95 % interval of the mean difference; None where there is none.
        high: Its upper end.
        covers: What the interval holds for: other seeds and other test images; other seeds and
            this test set; or, with one seed, these two models and other test images.
        level: Level of the interval by itself: above 95 %, so that the intervals of all looks at
            the results hold at 95 % together.
        group_error: Part of its standard error that is due to the test images: more seeds do not
            reduce it. None where they are taken as given.
        seeds_low: Lower end of the interval over seeds alone, given this test set.
        seeds_high: Its upper end.
        p: Two-sided p value that goes with the interval; None with one seed.
        p_holm: The same with Holm's correction for all tests of the study: of the primary metric
            at the largest label fraction.
        false_claim: Probability that the better of the two is not the better one, given what the
            interval covers (arXiv 2505.04720); None where there is no interval.
        note: Why there is no interval; empty where there is one.
        seeds: The seeds.
        values: Difference of each seed.
        arm_mean: Mean of the arm over these seeds.
        reference_mean: Mean of the reference over these seeds.
        effect_size: Hedges' g_z, if there are enough seeds.
        sd_ratio: Standard deviation of the arm over that of the reference.
        sd_ratio_low: Lower end of its 95 % interval.
        sd_ratio_high: Its upper end.
        seeds_needed_low: Seeds in all with which the test detects the smallest effect of interest,
            if their spread is as observed; None where no number of seeds does, or none is declared.
        seeds_needed: The same with the upper limit of the spread, at 80 %: plan with these.
    """

    arm: str
    label_fraction: float
    metric: str
    n: int
    mean: float
    low: float | None
    high: float | None
    covers: Covers
    level: float
    group_error: float | None
    seeds_low: float | None
    seeds_high: float | None
    p: float | None
    p_holm: float | None
    false_claim: float | None = None
    note: str
    seeds: list[int]
    values: list[float]
    arm_mean: float
    reference_mean: float
    effect_size: float | None
    sd_ratio: float | None
    sd_ratio_low: float | None
    sd_ratio_high: float | None
    seeds_needed_low: int | None
    seeds_needed: int | None

    @property
    def interval(self) -> Ends | None:
        """The 95 % interval of the mean difference, if there is one."""
        return _ends(self.low, self.high)

    @property
    def sd_ratio_interval(self) -> Ends | None:
        """The 95 % interval of the ratio of standard deviations, if there is one."""
        return _ends(self.sd_ratio_low, self.sd_ratio_high)

    @property
    def seeds_interval(self) -> Ends | None:
        """The interval over seeds alone, given this test set, if there is one."""
        return _ends(self.seeds_low, self.seeds_high)


class AgainstBaseline(Record):
    """The arms against the best frozen baseline: primary metric, largest label fraction.

    Attributes:
        arm: The best of the arms that are no baselines, on validation images.
        baseline: The best of the frozen baselines, on validation images.
        differences: Of every arm that is no baseline from the best baseline, as from a reference.
    """

    arm: str
    baseline: str
    differences: list[Difference]

    @property
    def best(self) -> Difference:
        """The difference of the best arm."""
        return next(row for row in self.differences if row.arm == self.arm)


class BestModel(ModelChoice):
    """The model that a study keeps.

    Attributes:
        folder: Where it lies in the study's folder.
        test: Its metrics on the test images, which did not choose it.
    """

    folder: str
    test: dict[str, float]


class TestAccess(Record):
    """One entry of the test access log.

    Attributes:
        time: When, in UTC.
        images: Number of test images.
        by: The run, or what else evaluated them.
        seeds: For a look at the results of a study, the number of seeds.
    """

    __test__ = False  # it is no test, whatever pytest makes of its name

    time: str
    images: int
    by: str
    seeds: int | None = None


class FailedRun(Record):
    """A run that failed.

    Attributes:
        run: Its id.
        reason: Why, in a sentence.
    """

    run: str
    reason: str


class StudyResults(Record):
    """Everything that is computed from the runs of a study.

    Attributes:
        title: Title of the study.
        primary_metric: The metric that was declared beforehand.
        min_effect: The smallest effect of interest in it, if one was declared.
        reference: The arm that the others are compared with.
        seeds: The seeds.
        label_fractions: The label fractions of the study, finished or not.
        metrics: Names of all metrics, in order.
        arms: Names of all arms, in order.
        transductive: Arms whose pretraining saw validation and test images.
        test_access: The test access log, oldest entry first.
        looks: Numbers of seeds at which the results were looked at: with all runs of an arm, from
            two seeds on. Intervals and p values are corrected for those with fewer seeds.
        failures: Runs that failed.
        summaries: One row for each arm, label fraction and metric with a finished run.
        differences: One row for each arm but the reference, label fraction and metric.
        baselines: Arms that are frozen baselines.
        against_baseline: The other arms against the best of these; None where there is none.
        label_efficiency: Equivalent labels; None for a single label fraction.
        advice: What to spend next, in sentences.
        best: The model that is kept; None where none can be chosen.
        verdict: The result in a few sentences.
    """

    title: str
    primary_metric: str
    min_effect: float | None
    reference: str
    seeds: list[int]
    label_fractions: list[float]
    metrics: list[str]
    arms: list[str]
    transductive: list[str]
    test_access: list[TestAccess]
    looks: list[int]
    failures: list[FailedRun]
    summaries: list[ArmSummary]
    differences: list[Difference]
    baselines: list[str] = Field(default=[])
    against_baseline: AgainstBaseline | None = None
    label_efficiency: LabelEfficiency | None
    advice: list[str]
    best: BestModel | None
    verdict: list[str]

    def summary(self, arm: str, label_fraction: float, metric: str) -> ArmSummary | None:
        """Return one metric of an arm over seeds, if the arm has a finished run."""
        return _row(self.summaries, (arm, label_fraction, metric))

    def difference(self, arm: str, label_fraction: float, metric: str) -> Difference | None:
        """Return an arm's paired difference from the reference, if there is one."""
        return _row(self.differences, (arm, label_fraction, metric))

    def frame(self, rows: Literal["summaries", "differences"]) -> pd.DataFrame:
        """Return summaries or differences as a data frame, one line per row."""
        cls = ArmSummary if rows == "summaries" else Difference
        return pd.DataFrame(
            [row.model_dump() for row in getattr(self, rows)], columns=list(cls.model_fields)
        )


def _row(rows: list[Row], key: tuple[str, float, str]) -> Row | None:
    return next((r for r in rows if (r.arm, r.label_fraction, r.metric) == key), None)
