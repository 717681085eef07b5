"""The command line in the second environment, where torchvision stands beside a CPU torch.

make peers, then: PYTHONPATH=src .venv-peers/bin/python benchmarks/peers_cli.py compare ...
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "peers"))

from torchvision_shim import import_torchvision

from twinlens.cli import main

if __name__ == "__main__":
    import_torchvision()
    main()
