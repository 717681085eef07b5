"""Python imports this first wherever this folder is on its path, so in child processes too.

For commands of the second environment:
PYTHONPATH=src:tests/peers .venv-peers/bin/python -m twinlens.cli ...
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from torchvision_shim import import_torchvision

import_torchvision()
