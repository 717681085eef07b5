"""Compute a study's tables of arms and differences again, from its stored predictions alone.

    python examples/recompute.py STUDY_FOLDER

Twinlens is not imported. Beside runs/*/predictions.parquet only what was declared beforehand is
read: study.yaml, plan.json for the arm, seed and label fraction of each run, and the level of each
interval, which depends on how often the results were looked at. Prints the largest deviation from
tables/arms.csv and tables/differences.csv; exits with 1 where it is above 1e-9.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import special, stats
from sklearn.metrics import accuracy_score, f1_score, recall_score
from statsmodels.stats.multitest import multipletests

METRICS = {
    "accuracy": accuracy_score,
    "balanced_accuracy": lambda y, p: recall_score(y, p, average="macro", labels=np.unique(y)),
    "macro_f1": lambda y, p: f1_score(y, p, average="macro"),
    "weighted_f1": lambda y, p: f1_score(y, p, average="weighted"),
}
STEP = 1e-3  # of an image, in derivatives
NO_SPREAD = 1e-12  # equal scores, up to rounding


def scores(folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Return arm, label fraction, seed, metrics and shares of test groups of each run.

    Beside them the class that each group counts for: of its classes that with the fewest groups.
    """
    rows, strata = [], pd.Series(dtype=str)
    for run in json.loads((folder / "plan.json").read_text(encoding="utf-8"))["runs"]:
        path = folder / "runs" / run["id"] / "predictions.parquet"
        if path.exists():
            test = pd.read_parquet(path).query("split == 'test'")
            test["predicted"] = test.filter(regex="^p_").idxmax(axis=1).str.removeprefix("p_")
            found = {name: f(test["label"], test["predicted"]) for name, f in METRICS.items()}
            found |= by_group(test).add_suffix(" by group").to_dict("series")
            rows.append({key: run[key] for key in ("arm", "label_fraction", "seed")} | found)
            pairs = test[["group", "label"]].drop_duplicates()
            pairs["groups"] = pairs.groupby("label")["group"].transform("size")
            ordered = pairs.sort_values(["groups", "label"]).drop_duplicates("group")
            strata = ordered.set_index("group")["label"]
    return pd.DataFrame(rows), strata


def by_group(test: pd.DataFrame) -> pd.DataFrame:
    """Return what each test group contributes to the metrics: its images times derivatives."""
    cells = test.groupby(["label", "predicted"]).size().unstack(fill_value=0)
    names = cells.index.union(cells.columns)
    counts = cells.reindex(index=names, columns=names, fill_value=0).to_numpy(float)
    steps = STEP * np.eye(counts.size).reshape(-1, *counts.shape)
    slopes = (of_confusion(counts + steps) - of_confusion(counts - steps)) / (2 * STEP)
    cell = names.get_indexer(test["label"]) * len(names) + names.get_indexer(test["predicted"])
    return slopes.iloc[cell].groupby(test["group"].to_numpy()).sum()


def of_confusion(counts: np.ndarray) -> pd.DataFrame:
    """Return the metrics of confusion matrices, a row each."""
    right, true = np.diagonal(counts, axis1=1, axis2=2), counts.sum(axis=2)
    f1 = 2 * right / (true + counts.sum(axis=1))
    recall = np.divide(right, true, out=np.zeros_like(true), where=true > 0)
    of_class = true / true.sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {
            "accuracy": (recall * of_class).sum(axis=1),
            "balanced_accuracy": recall.sum(axis=1) / (true > 0).sum(axis=1),
            "macro_f1": f1.mean(axis=1),
            "weighted_f1": (f1 * of_class).sum(axis=1),
        }
    )


def arms(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean, standard deviation and Student's interval over seeds."""
    groups = table.groupby(["arm", "label_fraction"])[[*METRICS]]
    mean, sd, n = groups.mean(), groups.std(), groups.size()
    half = sd.where(sd > NO_SPREAD).mul(stats.t.ppf(0.975, n - 1) / np.sqrt(n), axis=0)
    parts = {"": mean, "_sd": sd, "_low": mean - half, "_high": mean + half}
    columns = [part.add_suffix(suffix) for suffix, part in parts.items()]
    return pd.concat([n.rename("seeds"), *columns], axis=1)


def differences(
    table: pd.DataFrame, strata: pd.Series, study: dict, levels: pd.Series
) -> pd.DataFrame:
    """Return each arm's paired differences; Holm's family is primary metric, all labels."""
    reference, primary, rows = study["reference"], study["primary_metric"], {}
    ours, theirs = table.query("arm != @reference"), table.query("arm == @reference")
    pairs = ours.merge(theirs, on=["label_fraction", "seed"], suffixes=("", " of the reference"))
    for (arm, label_fraction), runs in pairs.groupby(["arm", "label_fraction"]):
        for name in METRICS:
            key = arm, reference, label_fraction, name
            columns = runs[name], runs[f"{name} of the reference"]
            ours, theirs = (runs[f"{name} by group{end}"] for end in ("", " of the reference"))
            by_seed = pd.DataFrame([a - b for a, b in zip(ours, theirs, strict=True)]).T
            rows[key] = difference(*columns, levels[key]) | crossed(
                columns[0] - columns[1], by_seed, strata, levels[key]
            )
    last = (max(study["label_fractions"]), primary)
    tested = [row for key, row in rows.items() if key[2:] == last and "p" in row]
    corrected = multipletests([row["p"] for row in tested], method="holm")[1] if tested else []
    for row, p in zip(tested, corrected, strict=True):
        row["p_holm"] = p
    index = pd.MultiIndex.from_tuples(rows, names=["arm", "reference", "label_fraction", "metric"])
    return pd.DataFrame(list(rows.values()), index)


def crossed(
    x: pd.Series, by_seed: pd.DataFrame, strata: pd.Series, level: float
) -> dict[str, float]:
    """Return interval and p value over seeds and test groups (Obuchowski and Rockette 1995)."""
    n, classes = len(x), by_seed.groupby(strata)
    count = classes.size()
    scale = (count / (count - 1)) ** 2
    centred = by_seed - classes.transform("mean")
    of_class = scale * (centred.mean(axis=1) ** 2).groupby(strata).sum()
    of_mean, squares = of_class.sum(), (of_class**2 / (count - 1)).sum()
    if n == 1:
        variance, free = of_mean, of_mean**2 / squares
    elif x.std() > NO_SPREAD:
        single = (scale * (centred**2).mean(axis=1).groupby(strata).sum()).sum()
        of_seeds = x.var() / n
        variance = max(of_seeds + max((n * of_mean - single) / (n - 1), 0), of_mean)
        free = variance**2 / (of_seeds**2 / (n - 1) + squares)
    else:
        return {}
    low, high = stats.t.interval(level, free, loc=x.mean(), scale=np.sqrt(variance))
    p = 2 * stats.t.sf(abs(x.mean()) / np.sqrt(variance), free)
    return {"low": low, "high": high} | ({"p": min(1, p * 0.05 / (1 - level))} if n > 1 else {})


def difference(a: pd.Series, b: pd.Series, level: float) -> dict[str, float]:
    """Compare an arm with the reference, seed by seed, given the test set."""
    x, n, free = a - b, len(a), len(a) - 1
    row = {"n": n, "difference": x.mean(), "level": level}
    if x.std() > NO_SPREAD:
        low, high = stats.ttest_rel(a, b).confidence_interval(level)
        row |= {"seeds_low": low, "seeds_high": high}
        if n > 2:  # Hedges' correction of Cohen's d
            shrink = special.gamma(free / 2) / special.gamma((free - 1) / 2) / np.sqrt(free / 2)
            row["effect_size"] = shrink * x.mean() / x.std()
    if min(a.std(), b.std()) > NO_SPREAD:
        row["sd_ratio"] = ratio = a.std() / b.std()
        alone = 1 - a.corr(b) ** 2
        if n >= 5 and alone > NO_SPREAD:  # Pitman and Morgan's interval of a ratio of variances
            k = 1 + 2 * alone * stats.t.ppf(0.975, n - 2) ** 2 / (n - 2)
            row["sd_ratio_low"] = ratio * np.sqrt(k - np.sqrt(k**2 - 1))
            row["sd_ratio_high"] = ratio * np.sqrt(k + np.sqrt(k**2 - 1))
    return row


def deviation(path: Path, computed: pd.DataFrame) -> float:
    """Return the largest deviation of a stored table; huge where only one has a figure.

    Of the stored metrics those of `METRICS` are compared.
    """
    stored = pd.read_csv(path, index_col=computed.index.names)
    stored = stored[stored.iloc[:, 0] > 0]  # arms without a finished run have a row too
    dropped = ["covers", "false_claim", "seeds_needed_low", "seeds_needed"]
    stored = stored.drop(columns=dropped, errors="ignore")
    if "metric" in stored.index.names:
        stored = stored[stored.index.get_level_values("metric").isin([*METRICS])]
    else:
        stored = stored[computed.columns.intersection(stored.columns)]
    ours, theirs = (frame.astype(float).fillna(1e9) for frame in computed.align(stored))
    return (ours - theirs).abs().max(axis=None)


def main(folder: Path) -> int:
    """Compare both tables of a study's folder; return the exit code."""
    study = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))
    table, strata = scores(folder)
    keys = ["arm", "reference", "label_fraction", "metric"]
    path = folder / "tables" / "differences.csv"
    levels = pd.read_csv(path, index_col=keys)["level"] if path.exists() else pd.Series(dtype=float)
    computed = {"arms": arms(table), "differences": differences(table, strata, study, levels)}
    off = {n: deviation(folder / "tables" / f"{n}.csv", t) for n, t in computed.items() if len(t)}
    for name, largest in off.items():
        print(f"{name}: {computed[name].count().sum()} figures, largest deviation {largest:.1e}")
    return int(max(off.values()) > 1e-9)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
