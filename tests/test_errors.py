import errno
import os

import pytest

from twinlens import errors
from twinlens.errors import UserError, in_words, require, unknown


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


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "data does not fit: its disk is full. Make room there, or choose another"),
        (errno.EDQUOT, "data does not fit: its disk is full"),
        (errno.EPERM, "data may not be read or written: change its permissions"),
        (errno.EROFS, "data lies on a disk that is read-only"),
        (errno.ENAMETOOLONG, "data is too long a name"),
        (errno.ENOENT, "data is missing"),
        (errno.EOPNOTSUPP, "data lies on a disk without file locks"),
        (errno.ECONNRESET, "data: Connection reset"),
    ],
)
def test_what_the_system_refuses_is_a_sentence(number, words):
    text = str(in_words(OSError(number, os.strerror(number), "data")))
    assert text.startswith(words)
    assert text.endswith("." if number == errno.ECONNRESET else f"({os.strerror(number)}).")


def test_a_refusal_without_a_place_and_one_of_a_very_long_one():
    text = str(in_words(OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))))
    assert text.startswith("A file that was read or written lies on a disk without file locks")
    assert str(in_words(OSError("odd"))) == "A file that was read or written: odd."
    long = str(in_words(OSError(errno.ENAMETOOLONG, "File name too long", "x" * 3000)))
    assert len(long) < 400


def test_line_breaks_of_other_libraries_do_not_break_a_sentence():
    assert str(UserError("It cannot be read (bad\n  data\n): copy it.")) == (
        "It cannot be read (bad data ): copy it."
    )
