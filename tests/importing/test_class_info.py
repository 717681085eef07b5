import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.importing.class_info import with_classes
from twinlens.importing.source import Source
from twinlens.records.dataset import ClassInfo


@pytest.fixture
def source():
    table = pd.DataFrame({"id": list("abc"), "label": ["NV", None, "MEL"]})
    info = {"MEL": ClassInfo(title="melanoma", colour="#000000"), "gone": ClassInfo(title="gone")}
    return Source(table, list("abc"), classes=["MEL", "NV"], class_info=info)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "classes.yaml"


def test_the_file_orders_adds_and_overrides(source, file, capsys):
    file.write_text("NV: {group: benign}\nMEL: {colour: '#2b2b3a', group: malignant}\nBCC: {}\n")
    result = with_classes(source, file)
    assert result.classes == ["NV", "MEL", "BCC"]
    assert result.class_info == {
        "NV": ClassInfo(group="benign"),
        "MEL": ClassInfo(title="melanoma", colour="#2b2b3a", group="malignant"),
    }
    assert "names classes that no image has: BCC." in capsys.readouterr().err


def test_a_mapping_says_the_same(source, file):
    content = {"NV": {"title": "nevus"}, "MEL": {}}
    file.write_text("NV: {title: nevus}\nMEL: {}\n")
    assert with_classes(source, content).class_info == with_classes(source, str(file)).class_info


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("NV: {}\n", r"classes\.yaml does not name the class 'MEL'.*labels are MEL, NV\."),
        ("NV: {color: '#8a5a33'}\n", r"class 'NV': Unknown key 'color'\. Did you mean 'colour'\?"),
        (
            "NV: {colour: brown}\n",
            r"class 'NV': The key 'colour' is wrong \(given: 'brown'\): write it as .*quotes",
        ),
        ("NV:\n  colour: #8a5a33\n", "class 'NV': The key 'colour' is wrong .*in quotes"),
        ("NV: nevus\n", "the description of 'NV' must be keys and values"),
        ("NV: {}\nNO: {}\n", "the class False is not text: write it in quotes"),
        ("- NV\n", "must hold keys and values"),
    ],
)
def test_mistakes_are_sentences(source, file, text, sentence):
    file.write_text(text)
    with pytest.raises(UserError, match=sentence):
        with_classes(source, file)
