"""Python imports this first wherever this folder is on its path, so in child processes too.

For commands of the second environment:
PYTHONPATH=src:tests/peers .venv-peers/bin/python -m twinlens.cli ...
"""

from torchvision_shim import import_torchvision

import_torchvision()
