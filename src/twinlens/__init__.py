"""Medical-image classifiers from few labels, and evidence on whether self-supervision helped.

Every command of `twinlens` is a function here. They are imported when first used, so that
`import twinlens` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twinlens.data.dataset import open_dataset
    from twinlens.demonstration import demo
    from twinlens.evaluation.evaluate import evaluate
    from twinlens.exporting.export import export
    from twinlens.finetuning.train import train
    from twinlens.health.doctor import doctor
    from twinlens.importing.import_images import import_images
    from twinlens.inference.predict_files import predict
    from twinlens.labelling.label import label
    from twinlens.models.load_model import load_model
    from twinlens.models.push import push
    from twinlens.pretraining.pretrain import pretrain
    from twinlens.pretraining.preview import show_views
    from twinlens.reporting.audit.audit import audit
    from twinlens.reporting.evaluation.explanation import explain
    from twinlens.reporting.report import report
    from twinlens.serving.serve import serve
    from twinlens.splitting.split import split
    from twinlens.study.compare import compare
    from twinlens.study.planning.new_study import init
    from twinlens.study.tuning.tune import tune
    from twinlens.suggesting.suggest import suggest

__version__ = "0.1.0"

_HOME = {
    "audit": "twinlens.reporting.audit.audit",
    "compare": "twinlens.study.compare",
    "demo": "twinlens.demonstration",
    "doctor": "twinlens.health.doctor",
    "evaluate": "twinlens.evaluation.evaluate",
    "explain": "twinlens.reporting.evaluation.explanation",
    "export": "twinlens.exporting.export",
    "import_images": "twinlens.importing.import_images",
    "init": "twinlens.study.planning.new_study",
    "label": "twinlens.labelling.label",
    "load_model": "twinlens.models.load_model",
    "open_dataset": "twinlens.data.dataset",
    "predict": "twinlens.inference.predict_files",
    "pretrain": "twinlens.pretraining.pretrain",
    "push": "twinlens.models.push",
    "report": "twinlens.reporting.report",
    "serve": "twinlens.serving.serve",
    "show_views": "twinlens.pretraining.preview",
    "split": "twinlens.splitting.split",
    "suggest": "twinlens.suggesting.suggest",
    "train": "twinlens.finetuning.train",
    "tune": "twinlens.study.tuning.tune",
}

__all__ = [
    "audit",
    "compare",
    "demo",
    "doctor",
    "evaluate",
    "explain",
    "export",
    "import_images",
    "init",
    "label",
    "load_model",
    "open_dataset",
    "predict",
    "pretrain",
    "push",
    "report",
    "serve",
    "show_views",
    "split",
    "suggest",
    "train",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'twinlens' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
