import pytest

from twinlens.errors import UserError, require, unknown


def test_an_unknown_name_lists_the_valid_ones_and_guesses():
    text = str(unknown("encoder", "resnet5", ["resnet50", "vit"]))
    assert text == "Unknown encoder 'resnet5'. Did you mean 'resnet50'? Valid: resnet50, vit."
    assert str(unknown("split", "x", [])) == "Unknown split 'x'. Valid: none."


def test_a_missing_package_names_the_extra():
    assert require("json", extra="none").dumps({}) == "{}"
    with pytest.raises(UserError, match=r"'no_such_package'.*pip install 'twinlens\[timm\]'"):
        require("no_such_package", extra="timm")
