import pytest

from twinlens import errors
from twinlens.errors import UserError, require, unknown


def test_an_unknown_name_lists_the_valid_ones_and_guesses():
    text = str(unknown("encoder", "resnet5", ["resnet50", "vit"]))
    assert text == "Unknown encoder 'resnet5'. Did you mean 'resnet50'? Valid: resnet50, vit."
    assert str(unknown("split", "x", [])) == "Unknown split 'x'. Valid: none."


def test_a_package_on_a_broken_library_is_not_called_missing(monkeypatch):
    def broken(_):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(errors, "import_module", broken)
    with pytest.raises(UserError, match=r"'timm' is installed, but .*nms.*that belong together"):
        require("timm", extra="timm")


def test_a_missing_package_names_the_extra():
    assert require("json", extra="none").dumps({}) == "{}"
    with pytest.raises(UserError, match=r"'no_such_package'.*pip install 'twinlens\[timm\]'"):
        require("no_such_package", extra="timm")
