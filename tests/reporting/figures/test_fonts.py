from pathlib import Path

import matplotlib as mpl
from fontTools.ttLib import TTFont
from matplotlib.font_manager import FontProperties, findfont, fontManager

from twinlens.reporting.figures.fonts import embedded_family

TEXT = "fine-tuning: AVATAR, Größe ±0.5 − Δ ≥ 3"


def _fonts(weight):
    families = (embedded_family(), "DejaVu Sans")
    return [findfont(FontProperties(family=family, weight=weight)) for family in families]


def test_the_font_has_the_letters_of_matplotlibs_and_no_layout_tables():
    for weight in ("normal", "bold"):
        ours, theirs = map(TTFont, _fonts(weight))
        assert ours["name"].getDebugName(6) == theirs["name"].getDebugName(6)
        assert {"GPOS", "GSUB"} <= set(theirs.keys())
        assert not {"GDEF", "GPOS", "GSUB", "MATH"} & set(ours.keys())
        assert ours["hmtx"].metrics == theirs["hmtx"].metrics
        assert ours.getBestCmap() == theirs.getBestCmap()
        for letter in TEXT:
            name = ours.getBestCmap()[ord(letter)]
            assert ours["glyf"][name] == theirs["glyf"][name]


def test_the_font_is_made_once_and_others_draw_with_matplotlibs():
    ours, theirs = _fonts("normal")
    known = len(fontManager.ttflist)
    embedded_family()
    assert len(fontManager.ttflist) == known
    assert ours != theirs
    assert Path(theirs).is_relative_to(mpl.get_data_path())
