import matplotlib as mpl

from twinlens.reporting.figures.style import (
    PALETTE,
    arm_mark,
    colour,
    drawing_style,
    marker,
    page_colour,
)


def test_48_arms_are_distinguished_and_grey_is_the_references_alone() -> None:
    assert len({(colour(index), marker(index)) for index in range(48)}) == 48
    assert [index for index in range(100) if colour(index) == PALETTE[0]] == [0]


def test_a_colour_of_the_palette_becomes_a_variable_of_the_page() -> None:
    assert page_colour(PALETTE[2]) == "var(--colour-2)"
    assert page_colour("#123456") == "color-mix(in srgb, #123456 var(--own), var(--ink))"


def test_a_mark_is_drawn_in_the_colours_of_the_page() -> None:
    svg = arm_mark(1).__html__()
    assert svg.startswith('<svg class="swatch"')
    assert "fill:var(--colour-1)" in svg


def test_settings_of_matplotlib_are_restored() -> None:
    before = mpl.rcParams["font.size"], mpl.rcParams["svg.hashsalt"]
    with drawing_style("name"):
        assert mpl.rcParams["svg.hashsalt"] == "name"
    assert (mpl.rcParams["font.size"], mpl.rcParams["svg.hashsalt"]) == before
