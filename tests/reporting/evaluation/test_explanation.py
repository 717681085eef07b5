import pytest
from html_page import Page
from PIL import Image

from twinlens.data.dataset import open_dataset
from twinlens.errors import UserError
from twinlens.records.examples import EXAMPLES, Examples
from twinlens.reporting.evaluation.explanation import PAGE, explain

pytest.importorskip("captum")


def test_the_page_shows_each_image_once(trained, phantoms, tmp_path):
    data = open_dataset(phantoms)
    for row in (0, 5):
        Image.fromarray(data.images[row]).save(tmp_path / f"{row}.png")
    out = tmp_path / "out"
    files = tuple(tmp_path / f"{row}.png" for row in (0, 5))
    found = explain(trained / "model", phantoms, files, out, device="cpu")
    assert found == Examples.read(out / EXAMPLES)
    page = Page(out / PAGE)
    assert page.runs_only_its_own_script()
    assert page.html.count('class="example"') == 2
    assert "Unlike training: the distance to the tenth nearest" in page.text
    with pytest.raises(UserError, match="exists already"):
        explain(trained / "model", phantoms, files, out, device="cpu")
