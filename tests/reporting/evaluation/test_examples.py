import shutil

import numpy as np
import pytest
from html_page import Page

from twinlens.errors import UserError
from twinlens.records.examples import PICTURES
from twinlens.reporting.evaluation.examples import content, overlay
from twinlens.reporting.evaluation.load_evaluation import read_evaluation
from twinlens.reporting.report import report


def test_examples_are_shown_by_kind_with_filter_and_zoom(assessed):
    found = content(assessed)
    assert set(found["kinds"]) == {
        "worst errors", "most confident errors", "most unlike the training images"
    }  # fmt: skip
    page = Page(report(assessed.folder))
    assert page.runs_only_its_own_script()
    shown = sum(map(len, found["kinds"].values()))
    assert page.html.count('class="example"') == shown
    assert page.html.count('class="zoom"') == 2 * shown  # the image and its heat map
    assert page.html.count("data-class=") == shown
    assert "<option>MEL</option>" in page.html


def test_the_heat_covers_the_image_where_it_is_strong():
    image = np.full((2, 2, 3), 100, np.uint8)
    heat = np.array([[0, 255], [0, 0]], np.uint8)
    drawn = np.asarray(overlay(image, heat))
    assert (drawn[heat == 0] == 100).all()
    strongest = 255 * np.array([0.988362, 0.998364, 0.644924])  # of the colour map inferno
    np.testing.assert_allclose(drawn[0, 1], 0.4 * 100 + 0.6 * strongest, atol=1)


def test_missing_pictures_are_named(assessed, evaluation, tmp_path):
    folder = shutil.copytree(assessed.folder, tmp_path / "out")
    (folder / PICTURES).unlink()
    with pytest.raises(UserError, match="evaluate again with --overwrite"):
        content(read_evaluation(folder))
    assert content(evaluation)["kinds"] == {}
