"""What stored runs answer to a checklist about models and results; nothing if not shown."""

from typing import Any

from twinlens.reporting.formatting import (
    decimal,
    interval,
    listing,
    method_title,
    metric_title,
    metric_words,
    plural,
    sentence,
    spread,
)
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.study.methods import balancing, weights_words
from twinlens.reporting.study.reproducibility import failures
from twinlens.reporting.tables.tables import arm_titles, value_words


def kind(study: StoredStudy) -> str:
    """Name the category of technology."""
    methods = sorted({method_title(run.method) for run in study.runs_of("pretrain")})
    further = f", with self-supervised pretraining by {listing(methods)}" if methods else ""
    return f"Deep learning: classification of images{further}."


def objectives(study: StoredStudy) -> str:
    """Say what was compared with what."""
    others = [arm for arm in study.arms if arm != study.reference]
    if not others:
        return f"‘{study.title}’ One arm, so nothing is compared."
    return (
        f"‘{study.title}’ {study.arm_title(study.reference)} against {arm_titles(study, others)}."
    )


def model(study: StoredStudy) -> str:
    """Name encoders and heads."""
    encoders, heads = _distinct(study, "encoder"), _distinct(study, "head") or ["linear"]
    probe = "linear_probe" in _values(study, "tuning")
    if not encoders:
        return ""
    head = f"{listing(heads)} head" + (" or logistic regression" if probe else "")
    return (
        f"{listing(encoders)} with a {head} for {plural(len(study.classes), 'class', 'classes')}."
    )


def software(study: StoredStudy) -> str:
    """Name packages with their versions."""
    found = [study.environment, *(run.info.get("environment") for run in study.runs)]
    environment: dict[str, Any] = next(filter(None, found), {})
    packages = environment.get("packages")
    return f"{value_words(packages)}; Python {environment.get('python')}." if packages else ""


def initial_weights(study: StoredStudy) -> str:
    """Name the weights by arm, alike ones together."""
    return _by_arm(study, lambda r: weights_words(r.config) if "weights" in r.config else "")


def training(study: StoredStudy) -> str:
    """Point to the methods; say how rates were found."""
    found = {(run.lr_finder or {}).get("how") for run in study.runs} - {None}
    words = {"valley": "by a search on training images", "fallback": "a stated rate where the "
             "search said nothing", "fixed": "fixed beforehand"}  # fmt: skip
    how = listing([words[key] for key in words if key in found])
    rates = f" Learning rates: {how}." if how else ""
    return f"In full under Methods and Settings.{rates}" if study.runs else ""


def class_balance(study: StoredStudy) -> str:
    """Say how classes were balanced."""
    return _by_arm(study, lambda run: "" if run.external else balancing(run.config))


def final_model(study: StoredStudy) -> str:
    """Say which weights a run ends with, and how the kept model was chosen."""
    if not study.runs:
        return ""
    best = study.results.get("best")
    chosen = " The model to use was chosen by validation images." if best else ""
    return f"Each training is evaluated with its last weights.{chosen}"


def ensembling(study: StoredStudy) -> str:
    """Say whether models were averaged."""
    members = len((study.results.get("best") or {}).get("members") or [])
    kept = f"; the kept model averages {members} runs" if members > 1 else ""
    return f"No result by arm averages models of this study{kept}."


def output(study: StoredStudy) -> str:
    """Say what a model returns."""
    views = [str(value) for value in sorted(set(_values(study, "tta")))]
    averaged = f", averaged over {' or '.join(views)} views" if views else ""
    return f"Class probabilities{averaged}; the most probable class counts, without a threshold."


def metrics(study: StoredStudy) -> str:
    """Name the metrics, the primary one first."""
    others = listing([metric_words(name) for name in study.metrics[1:]])
    least = f" (smallest difference worth having {decimal(study.min_effect)})"
    primary = f"{metric_title(study.primary)}{least if study.min_effect else ''}"
    return f"{primary}, declared primary before the runs; beside it {others}, and F1 by class."


def uncertainty(study: StoredStudy) -> str:
    """Name the intervals and tests that are shown."""
    values = [found for found in _primary_differences(study) if found.get("interval")]
    if not values:
        if study.says("bootstrap"):
            return "One seed: a bootstrap of test groups, which holds for these two models alone."
        return "One seed or one arm: no interval between arms is given."
    said = ["95 % t intervals over seeds, given this test set; differences paired by seed"]
    if any(found.get("p_holm") is not None for found in values):
        said.append("p values with Holm’s correction over arms with several seeds")
    if any(found.get("resampled_interval") for found in values):
        said.append("intervals with seeds and test groups resampled")
    return sentence(said)


def robustness(study: StoredStudy) -> str:
    """Say what was varied."""
    seeds, label_fractions = len(study.results.get("seeds") or []), len(study.label_fractions)
    varied = [plural(seeds, "seed")] if seeds > 1 else []
    varied += [plural(label_fractions, "label fraction")] if label_fractions > 1 else []
    return f"Repeated over {listing(varied)}." if varied else ""


def performance(study: StoredStudy) -> str:
    """Give the primary metric of each arm."""
    if not study.label_fractions:
        return ""
    found = [(a, study.summary(a, study.label_fractions[0], study.primary)) for a in study.arms]
    said = [
        f"{study.arm_title(arm)} {decimal(s['mean'])}"
        + (f" {spread(s)} {interval(s.get('interval'))}" if s["n"] > 1 else "")
        for arm, s in found
        if s
    ]
    return f"{metric_title(study.primary)}: {'; '.join(said)}." if said else ""


def errors(study: StoredStudy) -> str:
    """Point to the confusion matrices."""
    scored = any(run.test for run in study.runs)
    return "Scores by class and confusion matrices by arm: see Results." if scored else ""


def failed(study: StoredStudy) -> str:
    """Count the runs that failed."""
    runs = len(failures(study))
    return f"{plural(runs, 'planned run')} not finished, listed in the record." if runs else "None."


def limitations(study: StoredStudy) -> str:
    """Name those that the runs show."""
    said = []
    alone = [
        arm
        for arm in study.arms
        if study.label_fractions
        and (found := study.summary(arm, study.label_fractions[0], study.primary))
        and found["n"] == 1
    ]
    if alone:
        of = "" if len(alone) == len(study.arms) else f" of {arm_titles(study, alone)}"
        said.append(f"one seed{of}")
    if study.transductive:
        said.append("transductive pretraining")
    if study.audit and study.audit.leaking:
        said.append("leaks between the parts of the split")
    if failures(study):
        said.append("runs that did not finish")
    said.append("one data set and one split")
    return sentence(said)


def availability(study: StoredStudy) -> str:
    """Name the software's licence, and where the model lies."""
    kept = (study.results.get("best") or {}).get("folder")
    lies = f"; the kept model lies in {kept}/" if kept else ""
    return f"Twinlens is free software (Apache-2.0){lies}."


def _primary_differences(study: StoredStudy) -> list[dict[str, Any]]:
    found = (
        study.difference(a, b, study.primary) for b in study.label_fractions for a in study.arms
    )
    return [entry for entry in found if entry]


def _values(study: StoredStudy, key: str) -> list[Any]:
    return [run.config[key] for run in study.runs_of("train") if key in run.config]


def _distinct(study: StoredStudy, key: str) -> list[str]:
    return [*dict.fromkeys(map(str, _values(study, key)))]


def _by_arm(study: StoredStudy, words: Any) -> str:
    """Say the same of each arm, of all at once where they are alike."""
    alike: dict[str, list[str]] = {}
    for arm in study.arms:
        for run in study.runs_of("train", arm=arm)[:1]:
            if said := words(run):
                alike.setdefault(said, []).append(arm)
    if len(alike) == 1 and len(next(iter(alike.values()))) == len(study.arms):
        return sentence([f"{next(iter(alike))} (all arms)"])
    return sentence([f"{said} ({arm_titles(study, arms)})" for said, arms in alike.items()])
