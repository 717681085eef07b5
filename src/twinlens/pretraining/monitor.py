"""Is the pretraining working? Probes, ranks and spreads at moments of a run, and an alarm."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from sklearn.metrics import recall_score

from twinlens.console import say
from twinlens.data.batches import reader
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.errors import UserError
from twinlens.evaluation.predict import embed, eval_mode
from twinlens.evaluation.probe import knn_probe, linear_probe
from twinlens.evaluation.rank import effective_rank, spread
from twinlens.files import read_json, write_json
from twinlens.models.weights import read_tensors, save_tensors
from twinlens.pretraining.barlow_twins import cross_correlation
from twinlens.pretraining.config import Pretraining
from twinlens.pretraining.networks import Twins
from twinlens.seeds import derive, generator
from twinlens.splitting.budget import budget
from twinlens.splitting.strata import share, stratify
from twinlens.types import Rows
from twinlens.views.recipes import named_pair, normalise, two_views

MONITOR = "monitor.json"
BEST = "best.safetensors"

SAMPLE = 512
"""Images whose features and embeddings the monitor looks at."""

FITTED = 2 / 3
"""Share of the probe's images that it is fitted to; it is scored on the rest."""

Moment = dict[str, float]


@dataclass(frozen=True)
class ProbeRows:
    """Labelled training images for the probes: fitted and scored on disjoint groups."""

    fitted: Rows
    scored: Rows


def probe_rows(data: Dataset, split: Split, fraction: float, seed: int) -> ProbeRows | None:
    """Choose the probes' images among the training images of a label budget.

    Args:
        data: Where the labels are.
        split: Gives the training images; validation and test images are never probed.
        fraction: The label budget; a training of the same seed has the same images.
        seed: The run's seed.

    Returns:
        The rows, or None where they would not do: without labels, or with fewer than two classes.
    """
    if not len(split.rows["train"]):
        return None
    rows = budget(data, split, fraction, derive(seed, "budget"))
    groups = np.unique(data.table["group"].iloc[rows], return_inverse=True)[1]
    place = generator(seed, "probe").permutation(groups.max() + 1)
    fitted = np.isin(groups, share(stratify(data.labels[rows], groups, place), FITTED))
    found = ProbeRows(rows[fitted], rows[~fitted])
    enough = len(found.scored) and len(np.unique(data.labels[found.fitted])) > 1
    return found if enough else None


class Monitor:
    """Looks at a network at some of its steps, and keeps what it sees in monitor.json.

    A moment depends on the weights alone, so a resumed run sees what an unbroken one would.
    """

    def __init__(
        self,
        network: Twins,
        data: Dataset,
        split: Split,
        rows: Rows,
        config: Pretraining,
        *,
        phases: dict[str, int],
        fabric: Fabric,
        folder: Path,
        seed: int,
    ) -> None:
        """Prepare to look.

        Args:
            network: What is trained.
            data: Where images and labels are.
            split: Gives the labelled images for the probes.
            rows: The images that the pretraining sees.
            config: Views, and how often to look.
            phases: Steps of each phase of the training, in order.
            fabric: The engine.
            folder: Where monitor.json is kept.
            seed: The run's seed.

        Raises:
            UserError: The probe is to decide, and there are no labels for one.
        """
        self.network, self.data, self.config = network, data, config
        self.fabric, self.path, self.seed = fabric, folder / MONITOR, seed
        self.probed = probe_rows(data, split, config.probe_budget, seed)
        if config.probe_decides and (self.probed is None or not config.moments):
            raise UserError(
                "keep=best_probe and patience need a probe, so labelled training images of two "
                "classes and moments above 0: leave both settings out."
            )
        count = min(SAMPLE, len(rows))
        self.sample = np.sort(generator(seed, "monitor").choice(rows, count, replace=False))
        self.total = sum(phases.values())
        self.before_one_cycle = self.total - phases.get("one_cycle", 0)
        self.epoch = max(1, len(rows) // config.batch_size)
        marks = np.linspace(0, self.total, config.moments + 1).round().astype(int)
        self.moments = {*marks.tolist()} if config.moments else set()

    def watch(self, offset: int) -> Callable[[int], bool]:
        """Return what a phase calls after each of its steps; `offset` steps lie before it."""
        return lambda done: self.look(offset + done)

    def look(self, step: int) -> bool:
        """Look if it is time to, and say whether the pretraining should stop.

        Args:
            step: Steps done over all phases; 0 for before the first.
        """
        if step not in self.moments:
            return False
        stop = False
        if self.fabric.is_global_zero:
            stored = self._stored()
            known = [moment for moment in stored["moments"] if moment["step"] < step]
            known.append({"step": step, "epoch": step / self.epoch} | self._measure())
            alarms = [alarm for alarm in stored["alarms"] if alarm["step"] < step]
            alarms += self._alarm(known, alarms)
            stored |= {"moments": known, "alarms": alarms}
            say(f"epoch {step / self.epoch:.3g}: {in_words(known[-1])}")
            if self.config.keep == "best_probe" and step and best(known) == known[-1]:
                save_tensors(self.path.with_name(BEST), self.network.encoder.state_dict())
                stored["kept"] = f"step {step} of {self.total}, the best linear probe"
            stop = self._is_stuck(known)
            if stop:
                stored["stopped"] = (
                    f"Stopped at step {step} of {self.total}: no better linear probe for "
                    f"{self.config.patience} moments."
                )
            write_json(self.path, stored)
        return bool(self.fabric.broadcast(stop))

    def finish(self) -> None:
        """Put the weights of the best moment into the encoder, where those are to be kept."""
        if not self.fabric.is_global_zero:
            return
        write_json(self.path, self._stored())
        best_weights = self.path.with_name(BEST)
        if best_weights.exists():
            self.network.encoder.load_state_dict(read_tensors(best_weights))

    def _stored(self) -> dict[str, Any]:
        if self.path.exists():
            stored: dict[str, Any] = read_json(self.path)
            return stored
        probe = None
        if self.probed:
            counts = np.unique(self.data.labels[self.probed.scored], return_counts=True)[1]
            probe = {
                "fitted": len(self.probed.fitted),
                "scored": len(self.probed.scored),
                "classes": len(counts),
                # Largest standard error that a balanced accuracy on these images can have.
                "error": float(np.sqrt((0.25 / counts).sum()) / len(counts)),
            }
        return {
            "moments": [],
            "alarms": [],
            "probe": probe,
            "images": len(self.sample),
            "kept": "last",
            "stopped": None,
        }

    def _measure(self) -> Moment:
        found = self._spectra()
        if self.probed:
            found |= self._probe(self.probed)
        return found

    @torch.inference_mode()
    def _spectra(self) -> Moment:
        """Measure features and embeddings of the sample's views, always the same ones."""
        network, encoder = self.network, self.network.encoder
        read = reader(self.data.images, self.sample, self.fabric.device)
        recipes = named_pair(self.config.views, self.config.view_changes)
        seed, outputs = derive(self.seed, "monitor"), []
        with eval_mode(network):
            for part in np.array_split(self.sample, -(-len(self.sample) // 256)):
                views = two_views(read(part), part, recipes=recipes, seed=seed, step=0)
                with self.fabric.autocast():
                    features = [encoder(normalise(x, encoder.mean, encoder.std)) for x in views]
                    outputs.append([features[0], *(network.projector(h) for h in features)])
        h, z1, z2 = (torch.cat(parts).float().cpu() for parts in zip(*outputs, strict=True))
        correlation = cross_correlation(z1, z2)
        diagonal = correlation.diagonal()
        others = correlation.square().sum() - diagonal.square().sum()
        return {
            "feature_rank": effective_rank(h.numpy()),
            "feature_spread": spread(h.numpy()),
            "embedding_rank": effective_rank(z1.numpy()),
            "embedding_spread": spread(z1.numpy()),
            "on_diagonal": float(diagonal.mean()),
            "off_diagonal": float((others / max(1, len(diagonal) * (len(diagonal) - 1))).sqrt()),
        }

    def _probe(self, rows: ProbeRows) -> Moment:
        """Score both probes by balanced accuracy."""
        fitting, scoring = (
            embed(
                self.network.encoder,
                reader(self.data.images, some, self.fabric.device),
                some,
                size=self.data.size,
                batch_size=256,
                autocast=self.fabric.autocast,
            )
            for some in (rows.fitted, rows.scored)
        )
        labels, truth = self.data.labels[rows.fitted], self.data.labels[rows.scored]
        head = linear_probe(
            fitting, labels, classes=len(self.data.classes), c=0.1, balanced=True
        ).requires_grad_(False)
        guesses = {
            "linear_probe": head(torch.from_numpy(scoring)).argmax(1).numpy(),
            "knn_probe": knn_probe(fitting, labels, scoring),
        }
        return {
            name: float(recall_score(truth, guess, labels=np.unique(truth), average="macro"))
            for name, guess in guesses.items()
        }

    def _alarm(self, moments: list[Moment], before: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return an alarm where the last moment shows a collapse, once a run."""
        last = moments[-1]
        if before or last["step"] <= self.before_one_cycle:
            return []
        what = collapse(last)
        if what is None:
            return []
        message = (
            f"Collapse at step {last['step']:.0f} of {self.total}: {what}. Try a lower learning "
            "rate, a larger batch, stronger views, or the method's own default settings."
        )
        say(f"ALARM: {message}")
        return [{"step": last["step"], "message": message}]

    def _is_stuck(self, moments: list[Moment]) -> bool:
        """Tell whether the linear probe has not been better for too many moments."""
        trained = [moment for moment in moments if moment["step"] > self.before_one_cycle]
        if self.config.patience is None or not trained:
            return False
        return len(trained) - 1 - trained.index(best(trained)) >= self.config.patience


def collapse(moment: Moment) -> str | None:
    """Say what is wrong where images can no longer be told apart, or None.

    The thresholds are far below what a working run shows: embeddings of any of the methods fill
    tens of dimensions, and an untrained network's features already spread by more than .05.
    """
    if moment["feature_spread"] < 0.02:
        return f"all images have nearly the same features (spread {moment['feature_spread']:.2g})"
    if moment["embedding_rank"] < 3:
        return f"the embeddings fill only {moment['embedding_rank']:.1f} dimensions"
    if moment["feature_rank"] < 3:
        return f"the features fill only {moment['feature_rank']:.1f} dimensions"
    return None


def best(moments: list[Moment]) -> Moment:
    """Return the moment after the start with the best linear probe, the first of equals."""
    trained = [moment for moment in moments if moment["step"]]
    return max(trained, key=lambda moment: moment["linear_probe"])


def in_words(moment: Moment) -> str:
    """Return a moment as a few words for the console."""
    probes = (
        f"linear probe {moment['linear_probe']:.3f}, kNN {moment['knn_probe']:.3f}, "
        if "linear_probe" in moment
        else ""
    )
    return (
        f"{probes}effective rank of features {moment['feature_rank']:.1f}, of embeddings "
        f"{moment['embedding_rank']:.1f}, spread {moment['feature_spread']:.2f}"
    )
