import os
import sys
from functools import partial

import pytest
import torch
import yaml

from twinlens.errors import UserError
from twinlens.records.results import StudyResults
from twinlens.study.compare import compare
from twinlens.study.running.pool import Pool
from twinlens.study.running.ray_workers import _resources, on_ray

ray = pytest.importorskip("ray")


class _Cluster:
    """What is asked of Ray about a cluster."""

    def __init__(self, *nodes):
        self._nodes = nodes

    def nodes(self):
        return [{"Alive": True, "Resources": node} for node in self._nodes]

    def cluster_resources(self):
        return {"GPU": float(sum(node.get("GPU", 0) for node in self._nodes))}


def test_each_worker_gets_a_gpu_or_its_part_of_a_machine():
    gpus = _Cluster({"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0, "GPU": 1.0})
    assert _resources(gpus, Pool()) == (3, {"num_gpus": 1})
    assert _resources(gpus, Pool("cuda", 2)) == (2, {"num_gpus": 1})
    assert _resources(gpus, Pool(workers=9)) == (3, {"num_gpus": 1})
    assert _resources(gpus, Pool(runs_per_gpu=4)) == (12, {"num_gpus": 0.25})
    assert _resources(gpus, Pool("cpu", 4)) == (4, {"num_cpus": 4})
    cores = _Cluster({"CPU": 4.0}, {"CPU": 16.0}, {})
    assert _resources(cores, Pool()) == (5, {"num_cpus": 4})
    assert _resources(_Cluster({}), Pool()) == (1, {"num_cpus": 1})
    assert _resources(cores, Pool(workers=40)) == (40, {"num_cpus": 1})


def test_without_ray_it_says_which_extra_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'twinlens\[ray\]'"):
        on_ray(print, Pool("cpu", 1, ray="auto"), print)


@pytest.mark.slow
def test_a_study_runs_on_a_cluster(phantoms, two_arms, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(phantoms.parent)
    monkeypatch.setenv("RAY_worker_niceness", "0")  # Ray's 15 starves on a busy machine
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(two_arms | {"data": phantoms.name}), encoding="utf-8")
    out = compare(study, tmp_path / "out", device="cpu", ray="local", workers=2)
    results = StudyResults.read(out / "results.json")
    assert results.failures == []
    assert len(results.test_access) == 6  # and the best arm's average, and a look at the results
    assert [row.n for row in results.summaries if row.metric == "accuracy"] == [2, 2]
    assert "Runs finished: 6 of 6." in capsys.readouterr().err
    assert not ray.is_initialized()


def _note_threads(path, stop):
    path.write_text(str(torch.get_num_threads()), encoding="utf-8")


@pytest.mark.slow
def test_workers_share_the_cores_whatever_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "99")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    note = tmp_path / "threads"
    on_ray(partial(_note_threads, note), Pool("cpu", os.cpu_count(), ray="local"), print)
    assert note.read_text(encoding="utf-8") == "1"


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:1", "127.0.0.1:port", "nowhere"])
def test_where_there_is_no_cluster_it_says_what_to_give(address, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(UserError, match=f"no Ray cluster at '{address}': give HOST:PORT, auto"):
        on_ray(print, Pool("cpu", 1, ray=address), print)
