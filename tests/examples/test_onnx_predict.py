import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from twinlens.inference.predict_files import predict

SCRIPT = Path(__file__).parents[2] / "examples" / "onnx_predict.py"
FORBID = """
import builtins, runpy, sys
def refuse(name, *args, real=builtins.__import__, **options):
    assert name.partition(".")[0] not in ("torch", "twinlens"), name
    return real(name, *args, **options)
builtins.__import__ = refuse
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
assert "torch" not in sys.modules
"""


def test_it_predicts_as_twinlens_does_without_torch(small_model, onnx_file, tmp_path, pixels):
    turned = Image.Exif()
    turned[0x0112] = 8
    Image.fromarray(pixels).resize((350, 290)).save(tmp_path / "a.jpg", exif=turned)
    Image.fromarray(pixels).save(tmp_path / "b.png")
    Image.fromarray(pixels[..., 0]).save(tmp_path / "c.png")
    expected = predict(small_model, tmp_path, tta=1, device="cpu")
    command = [sys.executable, "-c", FORBID, SCRIPT, onnx_file, *expected["file"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(StringIO(done.stdout))
    assert found["file"].tolist() == expected["file"].tolist()
    assert found["predicted"].tolist() == expected["predicted"].tolist()
    ours, theirs = (table.filter(like="p_") for table in (found, expected))
    assert list(ours) == list(theirs)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_it_is_short_and_imports_three_packages():
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 36
    imported = {line.split()[1] for line in lines if line.startswith(("import", "from"))}
    assert imported == {"json", "sys", "numpy", "onnxruntime", "PIL"}
