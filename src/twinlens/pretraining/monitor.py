"""Is the pretraining working? Probes, ranks and spreads at moments of a run, and an alarm."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from twinlens.console import say
from twinlens.data.batches import reader
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.engine.timing import scaled
from twinlens.errors import UserError
from twinlens.evaluation.collapse_metrics import effective_rank, spread
from twinlens.files import read_json, write_json
from twinlens.inference.embed import embed_rows
from twinlens.inference.forward import eval_mode
from twinlens.models.tensor_files import read_tensors, save_tensors
from twinlens.pretraining.methods.barlow_twins import cross_correlation
from twinlens.pretraining.networks import SiameseNetwork
from twinlens.pretraining.probing import Probed, check_probe, choose, describe, scores
from twinlens.seeds import derive, generator
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Rows
from twinlens.views.recipes import named_pair
from twinlens.views.view import normalise, two_views

MONITOR = "monitor.json"
BEST = "best.safetensors"

SAMPLE = 512
"""Images whose features and embeddings the monitor looks at."""

Moment = dict[str, float]


class Monitor:
    """Looks at a network at some of its steps, and keeps what it sees in monitor.json.

    A moment depends on the weights alone, so a resumed run sees what an unbroken one would.
    """

    def __init__(
        self,
        network: SiameseNetwork,
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
        self.probed = choose(data, split, config.probe_label_fraction, seed)
        check_probe(config, self.probed)
        count = min(SAMPLE, len(rows))
        self.sample = np.sort(generator(seed, "monitor").choice(rows, count, replace=False))
        self.total = sum(phases.values())
        self.before_one_cycle = self.total - phases.get("one_cycle", 0)
        self.epoch = max(1, len(rows) // config.batch_size)
        marks = np.linspace(0, self.total, config.monitor_points + 1).round().astype(int)
        self.steps = {*marks.tolist()} if config.monitor_points else set()
        self.logged = 0

    def watch(self, offset: int) -> Callable[[int], bool]:
        """Return what a phase calls after each of its steps; `offset` steps lie before it."""
        return lambda done: self.look(offset + done)

    def look(self, step: int) -> bool:
        """Look if it is time to, and say whether the pretraining should stop.

        Args:
            step: Steps done over all phases; 0 for before the first.
        """
        if step not in self.steps:
            return False
        stop = False
        if self.fabric.is_global_zero:
            stored = self._stored()
            known = [moment for moment in stored["moments"] if moment["step"] < step]
            known.append({"step": step, "epoch": step / self.epoch} | self._measure(step))
            alarms = [alarm for alarm in stored["alarms"] if alarm["step"] < step]
            alarms += self._alarm(known, alarms)
            stored |= {"moments": known, "alarms": alarms}
            self._log(known)
            say(f"epoch {step / self.epoch:.3g}: {in_words(known[-1])}")
            # The encoder was frozen before: a better probe there would be luck.
            trained = [moment for moment in known if moment["step"] > self.before_one_cycle]
            if self.config.keep == "best_probe" and trained and best(trained) is known[-1]:
                save_tensors(self.path.with_name(BEST), self.network.encoder.state_dict())
                text = f"step {step} of {self.total}, the best linear probe"
                stored |= {"kept": text, "kept_step": step}
            stop = self._is_stuck(trained)
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
        stored = self._stored()
        write_json(self.path, stored)
        self._log(stored["moments"])
        best_weights = self.path.with_name(BEST)
        if best_weights.exists():
            self.network.encoder.load_state_dict(read_tensors(best_weights))

    def _stored(self) -> dict[str, Any]:
        if self.path.exists():
            stored: dict[str, Any] = read_json(self.path)
            return stored
        return {
            "moments": [],
            "alarms": [],
            "probe": self.probed and describe(self.probed, self.data),
            "images": len(self.sample),
            "kept": "last",
            "kept_step": None,
            "stopped": None,
        }

    def _log(self, moments: list[Moment]) -> None:
        """Give the loggers what they have not got: in a resumed run, all earlier moments too."""
        for moment in moments[self.logged :]:
            numbers = {f"monitor/{name}": value for name, value in moment.items()}
            self.fabric.log_dict(numbers, int(moment["step"]))
        self.logged = len(moments)

    def _measure(self, step: int) -> Moment:
        try:
            found = self._spectra()
            return found | self._probe(self.probed) if self.probed else found
        except FloatingPointError as error:
            raise UserError(
                f"After step {step} the features are no longer finite numbers: try a lower "
                "learning rate, or precision fp32."
            ) from error

    @torch.inference_mode()
    def _spectra(self) -> Moment:
        """Measure features and embeddings of the sample's views, always the same ones."""
        network, encoder = self.network, self.network.encoder
        read = reader(self.data.images, self.sample, self.fabric.device)
        recipes = named_pair(self.config.views, self.config.view_changes)
        seed = derive(self.seed, "monitor")

        def outputs(size: int) -> list[Tensor]:
            parts = []
            for part in np.array_split(self.sample[:size], -(-size // 256)):
                views = two_views(read(part), part, recipes=recipes, seed=seed, step=0)
                with self.fabric.autocast():
                    features = [encoder(normalise(x, encoder.mean, encoder.std)) for x in views]
                    parts.append([features[0], *(network.projector(h) for h in features)])
            return [torch.cat(part).float().cpu() for part in zip(*parts, strict=True)]

        with eval_mode(network):
            h, z1, z2 = scaled(outputs, len(self.sample))
        _check_finite(h.numpy(), z1.numpy())
        scale = z1.std().clamp(min=torch.finfo(z1.dtype).tiny)  # eps of the loss must not matter
        correlation = cross_correlation(z1 / scale, z2 / scale)
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

    def _probe(self, probed: Probed) -> Moment:
        """Score both probes by balanced accuracy."""
        features = embed_rows(self.network.encoder, self.data, probed.rows, self.fabric)
        _check_finite(features)
        return scores(features, self.data.labels[probed.rows], probed.folds)

    def _alarm(self, moments: list[Moment], before: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return an alarm where the last moment shows a collapse, once a run."""
        last = moments[-1]
        if before or last["step"] <= self.before_one_cycle:
            return []
        what = collapse(last, moments[0])
        if what is None:
            return []
        message = (
            f"Collapse at step {last['step']:.0f} of {self.total}: {what}. Try a lower learning "
            "rate, a larger batch, stronger views, or the method's own default settings."
        )
        say(f"ALARM: {message}")
        return [{"step": last["step"], "message": message}]

    def _is_stuck(self, trained: list[Moment]) -> bool:
        """Tell whether the linear probe has not been better for too many moments."""
        if self.config.patience is None or not trained:
            return False
        return len(trained) - 1 - trained.index(best(trained)) >= self.config.patience


def _check_finite(*outputs: np.ndarray) -> None:
    if not all(np.isfinite(output).all() for output in outputs):
        raise FloatingPointError


def collapse(moment: Moment, first: Moment) -> str | None:
    """Say what is wrong where images can no longer be told apart, or None.

    The thresholds are far below what a working run shows: embeddings of any of the methods fill
    tens of dimensions, an untrained network's features already spread by more than .05, and they
    keep more than a sixth of the dimensions that they fill at `first`, before the training.
    """
    if moment["feature_spread"] < 0.02:
        return f"all images have nearly the same features (spread {moment['feature_spread']:.2g})"
    if moment["embedding_rank"] < 3:
        return f"the embeddings fill only {moment['embedding_rank']:.1f} dimensions"
    if moment["feature_rank"] < 3:
        return f"the features fill only {moment['feature_rank']:.1f} dimensions"
    if moment["feature_rank"] < first["feature_rank"] / 10:
        return (
            f"the features fill {moment['feature_rank']:.0f} dimensions, less than a tenth of the "
            f"{first['feature_rank']:.0f} that they began with"
        )
    return None


def best(moments: list[Moment]) -> Moment:
    """Return the moment with the best linear probe, the first of equals."""
    return max(moments, key=lambda moment: moment["linear_probe"])


def kept_moment(monitor: Mapping[str, Any]) -> Moment:
    """Return the moment of the weights that were kept; monitor.json holds at least one."""
    moments: list[Moment] = monitor["moments"]
    step = monitor["kept_step"]
    return next((moment for moment in moments if moment["step"] == step), moments[-1])


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
