import sys
from dataclasses import replace

import pytest
from PIL import Image

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.evaluation.trust.explain_files import explain_files
from twinlens.requests.explain import ExplainRequest

pytest.importorskip("captum")


def request(trained, phantoms, images):
    return ExplainRequest(trained / "model", phantoms, images, "out", device="cpu")


def test_a_training_image_is_its_own_neighbour_and_broken_files_are_named(
    trained, phantoms, tmp_path, capsys
):
    data = open_dataset(phantoms)
    row = open_split(data).rows["train"][3]
    Image.fromarray(data.images[row]).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    by_run = replace(request(trained, phantoms, tmp_path), model=trained)
    found = explain_files(by_run)
    assert "b.png cannot be read" in capsys.readouterr().err
    (example,) = found.examples
    assert (example.id, example.label) == (str(tmp_path / "a.png"), None)
    assert example.nearest[0].id == data.table["id"][row]
    assert example.nearest[0].distance == pytest.approx(0, abs=1e-3)
    assert found.kinds == {"images": [0]}
    assert found.heat.shape == (1, 32, 32)
    assert found.threshold > 0


def test_what_cannot_be_explained(trained, phantoms, tmp_path, monkeypatch):
    (tmp_path / "b.png").write_text("no image")
    with pytest.raises(UserError, match="None of the image files can be read"):
        explain_files(request(trained, phantoms, tmp_path))
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match=r"twinlens\[explain\]"):
        explain_files(request(trained, phantoms, tmp_path))
