from functools import partial

import pytest
import torch

from twinlens.data.batches import reader
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.device import make_fabric
from twinlens.evaluation.evaluate import evaluate
from twinlens.evaluation.test_access import TEST_ACCESS, read_test_access
from twinlens.models.bundle import load_bundle, load_index, save_bundle
from twinlens.study.running import soup as module
from twinlens.study.running.paths import run_folder
from twinlens.study.running.soup import make_soup, soup_scores
from twinlens.views.view import normalise

METRIC = "balanced_accuracy"


@pytest.fixture
def soup(finished, phantoms):
    """The folder, the runs of one arm, and a function that makes their soup."""
    folder, plan = finished
    data = open_dataset(phantoms)
    members = [run for run in plan if (run.arm, run.label_fraction) == ("plain", 1.0)]
    here = {"data": data, "split": open_split(data), "fabric": make_fabric("fp32", "cpu")}
    return folder, members, partial(make_soup, folder, members, METRIC, **here)


def _change(folder, run, change):
    """Change a run's model."""
    path = run_folder(folder, run) / "model"
    model = load_bundle(path)
    change(model.encoder)
    save_bundle(path, model.encoder, model.head, model.info)


def _models(folder, members):
    return [load_bundle(run_folder(folder, run) / "model") for run in members]


def test_a_soup_has_mean_weights_and_statistics_of_the_training_images(soup, phantoms):
    folder, members, make = soup
    _change(folder, members[1], lambda encoder: encoder.network[1].running_mean.fill_(9))
    scores = make(0.0)
    kept, models = load_bundle(folder / "soup" / "model"), _models(folder, members)
    for part in ("encoder", "head"):
        all_weights = [dict(getattr(model, part).named_parameters()) for model in models]
        for name, found in getattr(kept, part).named_parameters():
            mean = sum(weights[name] for weights in all_weights) / len(models)
            torch.testing.assert_close(found, mean)
    data = open_dataset(phantoms)
    rows = open_split(data).rows["train"]
    convolution, norm, *_ = kept.encoder.network
    with torch.no_grad():
        images = normalise(reader(data.images, rows)(rows), kept.encoder.mean, kept.encoder.std)
        features = convolution(images).transpose(0, 1).flatten(1)
    torch.testing.assert_close(norm.running_mean, features.mean(dim=1), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(norm.running_var, features.var(dim=1), atol=1e-4, rtol=1e-4)
    assert load_index(folder / "soup" / "model", kept.info).ids == data.table["id"][rows].tolist()
    assert kept.info.unlike_threshold > 0
    val_groups = data.table["group"].iloc[open_split(data).rows["val"]]
    assert kept.info.prediction_sets.images == val_groups.nunique()
    for part in ("val", "test"):
        again = evaluate(folder / "soup" / "model", phantoms, split=part, device="cpu")
        told = kept.info.metrics[part].metrics
        assert {name: told[name].value for name in told} == scores.parts[part].metrics
        assert again.metrics == pytest.approx(scores.parts[part].metrics)
    assert soup_scores(folder) == scores


def test_statistics_that_all_runs_share_are_kept(soup):
    folder, members, make = soup
    for run in members:
        _change(folder, run, lambda encoder: [buffer.fill_(3) for buffer in encoder.buffers()])
    make(0.0)
    kept = load_bundle(folder / "soup" / "model")
    assert all((buffer == 3).all() for buffer in kept.encoder.buffers())


def test_a_soup_of_one_run_twice_is_that_run(soup):
    folder, members, make = soup
    model, _ = _models(folder, members)
    save_bundle(run_folder(folder, members[1]) / "model", model.encoder, model.head, model.info)
    make(0.0)
    kept = load_bundle(folder / "soup" / "model")
    assert all(
        map(torch.equal, kept.encoder.state_dict().values(), model.encoder.state_dict().values())
    )


def test_test_images_are_opened_once_and_only_for_a_soup_that_is_good_enough(soup, monkeypatch):
    folder, _, make = soup
    assert [*make(1.1).parts] == ["val"]
    assert read_test_access(folder / TEST_ACCESS) == []
    first = make(0.0)
    assert [*first.parts] == ["val", "test"]
    monkeypatch.setattr(module, "average_bundles", None)  # not made anew
    assert make(0.0) == first
    (opening,) = read_test_access(folder / TEST_ACCESS)
    assert opening.by == "soup (2 runs)"
