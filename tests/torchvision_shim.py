"""Make torchvision import beside a CPU build of torch.

The torchvision of the package index is compiled for the CUDA build of torch. Beside a CPU build
its own operators are not registered, and its import fails on `torchvision::nms`, which takes
timm, lightly and fastai down with it. None of our comparisons uses these operators, so declaring
them is enough.
"""

import sys
from types import ModuleType

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_library = torch.library.Library("torchvision", "FRAGMENT")  # declarations live as long as it


def import_torchvision() -> ModuleType:
    """Import torchvision, with its missing operators declared where they are missing."""
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            _library.define(operator + _SCHEMA)
        import torchvision
    return torchvision
