from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import pytest

from torchvision_shim import import_torchvision


@pytest.fixture(scope="session", autouse=True)
def torchvision() -> ModuleType:
    """Every test here runs after it, so that timm, lightly and fastai import."""
    if find_spec("torchvision") is None:
        pytest.skip("needs the second environment: make peers")
    return import_torchvision()


@pytest.fixture(scope="session")
def timm(torchvision: ModuleType) -> ModuleType:
    return import_module("timm")
