"""Compute a study's tables of arms and differences again, from its stored predictions alone.

    python examples/recompute.py STUDY_FOLDER

Twinlens is not imported. Beside runs/*/predictions.parquet only what was declared beforehand is
read: study.yaml, and plan.json for the arm, seed and label fraction of each run. Prints the largest
deviation from tables/arms.csv and tables/differences.csv; exits with 1 where it is above 1e-9.
"""

import json
import sys
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import special, stats
from sklearn.metrics import accuracy_score, f1_score, recall_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

METRICS = {
    "accuracy": accuracy_score,
    "balanced_accuracy": lambda y, p: recall_score(y, p, average="macro", labels=np.unique(y)),
    "macro_f1": lambda y, p: f1_score(y, p, average="macro"),
    "weighted_f1": lambda y, p: f1_score(y, p, average="weighted"),
}
NO_SPREAD = 1e-12  # equal scores, up to rounding


def scores(folder: Path) -> pd.DataFrame:
    """Return arm, label fraction, seed and the metrics on the test images of each run."""
    rows = []
    for run in json.loads((folder / "plan.json").read_text(encoding="utf-8"))["runs"]:
        path = folder / "runs" / run["id"] / "predictions.parquet"
        if path.exists():
            test = pd.read_parquet(path).query("split == 'test'")
            predicted = test.filter(regex="^p_").idxmax(axis=1).str.removeprefix("p_")
            found = {name: metric(test["label"], predicted) for name, metric in METRICS.items()}
            rows.append({key: run[key] for key in ("arm", "label_fraction", "seed")} | found)
    return pd.DataFrame(rows)


def arms(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean, standard deviation and Student's interval over seeds."""
    groups = table.groupby(["arm", "label_fraction"])[[*METRICS]]
    mean, sd, n = groups.mean(), groups.std(), groups.size()
    half = sd.where(sd > NO_SPREAD).mul(stats.t.ppf(0.975, n - 1) / np.sqrt(n), axis=0)
    parts = {"": mean, "_sd": sd, "_low": mean - half, "_high": mean + half}
    columns = [part.add_suffix(suffix) for suffix, part in parts.items()]
    return pd.concat([n.rename("seeds"), *columns], axis=1)


def differences(table: pd.DataFrame, study: dict) -> pd.DataFrame:
    """Return each arm's paired differences; Holm's family is primary metric, all labels."""
    reference, primary, rows = study["reference"], study["primary_metric"], {}
    ours, theirs = table.query("arm != @reference"), table.query("arm == @reference")
    pairs = ours.merge(theirs, on=["label_fraction", "seed"], suffixes=("", " of the reference"))
    for (arm, label_fraction), runs in pairs.groupby(["arm", "label_fraction"]):
        for name in METRICS:
            columns = runs[name], runs[f"{name} of the reference"]
            min_effect = study["min_effect"] if name == primary else None
            rows[arm, reference, label_fraction, name] = difference(*columns, min_effect)
    last = (max(study["label_fractions"]), primary)
    tested = [row for key, row in rows.items() if key[2:] == last and "p" in row]
    corrected = multipletests([row["p"] for row in tested], method="holm")[1] if tested else []
    for row, p in zip(tested, corrected, strict=True):
        row["p_holm"] = p
    index = pd.MultiIndex.from_tuples(rows, names=["arm", "reference", "label_fraction", "metric"])
    return pd.DataFrame(list(rows.values()), index)


def difference(a: pd.Series, b: pd.Series, min_effect: float | None) -> dict[str, float]:
    """Compare an arm with the reference, seed by seed."""
    x, n, free = a - b, len(a), len(a) - 1
    row = {"n": n, "difference": x.mean()}
    if x.std() > NO_SPREAD:
        test = stats.ttest_rel(a, b)
        low, high = test.confidence_interval(0.95)
        row |= {"p": test.pvalue, "low": low, "high": high}
        if n > 2:  # Hedges' correction of Cohen's d
            shrink = special.gamma(free / 2) / special.gamma((free - 1) / 2) / np.sqrt(free / 2)
            row["effect_size"] = shrink * x.mean() / x.std()
        if min_effect:
            power = partial(TTestPower().power, min_effect / x.std(), alpha=0.05)
            row["seeds_needed"] = next(k for k in count(2) if not power(nobs=k) < 0.8)
    if min(a.std(), b.std()) > NO_SPREAD:
        row["sd_ratio"] = ratio = a.std() / b.std()
        alone = 1 - a.corr(b) ** 2
        if n >= 5 and alone > NO_SPREAD:  # Pitman and Morgan's interval of a ratio of variances
            k = 1 + 2 * alone * stats.t.ppf(0.975, n - 2) ** 2 / (n - 2)
            row["sd_ratio_low"] = ratio * np.sqrt(k - np.sqrt(k**2 - 1))
            row["sd_ratio_high"] = ratio * np.sqrt(k + np.sqrt(k**2 - 1))
    return row


def deviation(path: Path, computed: pd.DataFrame) -> float:
    """Return the largest deviation of a stored table; huge where only one has a figure."""
    stored = pd.read_csv(path, index_col=computed.index.names)
    stored = stored[stored.iloc[:, 0] > 0]  # arms without a finished run have a row too
    ours, theirs = (frame.astype(float).fillna(1e9) for frame in computed.align(stored))
    return (ours - theirs).abs().max(axis=None)


def main(folder: Path) -> int:
    """Compare both tables of a study's folder; return the exit code."""
    study = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))
    table = scores(folder)
    computed = {"arms": arms(table), "differences": differences(table, study)}
    off = {n: deviation(folder / "tables" / f"{n}.csv", t) for n, t in computed.items() if len(t)}
    for name, largest in off.items():
        print(f"{name}: {computed[name].count().sum()} figures, largest deviation {largest:.1e}")
    return int(max(off.values()) > 1e-9)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
