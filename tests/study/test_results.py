from twinlens.evaluation.metrics import METRICS
from twinlens.files import write_json
from twinlens.study.config import Study
from twinlens.study.plan import make_plan
from twinlens.study.results import collect
from twinlens.study.store import run_folder


def test_arms_whose_pretraining_saw_test_images_are_named(tmp_path):
    arms = {
        "plain": {},
        "seen": {"pretrain": {}, "images": "all"},
        "unseen": {"pretrain": {}},
        "unfinished": {"pretrain": {"epochs": 1}, "images": "all"},
    }
    study = Study(data="data", seeds=[0], arms=arms)
    plan = make_plan(study, data_hash="d", split_hash="s")
    finished = [run for run in plan if run.kind == "train" and run.arm != "unfinished"]
    for run in finished:
        images = study.arms[run.arm].images
        config = {"pretrained": {"images": images}} if run.needs else {}
        record = {"config": config, "environment": {"precision": "fp32"}}
        write_json(run_folder(tmp_path, run) / "run.json", record)
        scores = {"test": dict.fromkeys(METRICS, 0.5)}
        write_json(run_folder(tmp_path, run) / "metrics.json", scores)
    results = collect(tmp_path, study, plan, {})
    assert results["transductive"] == ["seen"]
    assert results["verdict"][2:] == [
        "Transductive: the pretraining of 'seen' saw the validation and test images, without "
        "their labels."
    ]
