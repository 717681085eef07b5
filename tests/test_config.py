import pytest

from twinlens.config import Config, from_preset, override, parse, read_yaml
from twinlens.errors import UserError
from twinlens.settings.finetuning import FineTuning
from twinlens.settings.pretraining import Pretraining


class Brush(Config):
    width: float = 1.0


class Picture(Config):
    title: str
    brush: Brush = Brush()


def test_settings_override_keys_at_any_depth():
    content = {"title": "a", "brush": {"width": 2}}
    changed = override(content, ["brush.width=3", "seeds=[0, 1]", "new.key=null"])
    assert changed == {"title": "a", "brush": {"width": 3}, "seeds": [0, 1], "new": {"key": None}}
    assert content == {"title": "a", "brush": {"width": 2}}


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "0.0001", "+.1e-3", "1.e-4"])
def test_numbers_with_an_exponent_are_numbers(tmp_path, text):
    assert override({}, [f"lr={text}"]) == {"lr": 1e-4}
    (tmp_path / "a.yaml").write_text(f"lr: {text}\n")
    assert read_yaml(tmp_path / "a.yaml") == {"lr": 1e-4}


def test_words_that_look_like_numbers_are_words():
    assert override({}, ["a=e4", "b=1e", "c=v1e3"]) == {"a": "e4", "b": "1e", "c": "v1e3"}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("width", "write it as key=value"),
        ("=3", "write it as key=value"),
        ("title.size=3", "'title' holds a value, not keys"),
        ("brush={", "is not valid YAML"),
    ],
)
def test_settings_that_are_no_settings_are_refused(setting, message):
    with pytest.raises(UserError, match=message):
        override({"title": "a"}, [setting])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"title": "a", "brush": {"with": 3}}, "key below 'brush': 'with'. Did you mean 'width'"),
        ({}, "The key 'title' is missing"),
        ({"title": 3}, r"The key 'title' is wrong \(given: 3\): text is needed"),
        ({"title": "a", "brush": 3}, "keys and values are needed"),
        ({"title": "a", "brush": {"width": float("nan")}}, "finite"),
    ],
)
def test_wrong_content_is_refused_in_words(content, message):
    with pytest.raises(UserError, match=f"^a.yaml: .*{message}"):
        parse(Picture, content, where="a.yaml")


def test_a_preset_is_changed_by_settings():
    presets = {"wide": {"width": 9.0}, "plain": {}}
    assert from_preset(Brush, presets, "wide", {}, where="x").width == 9
    assert from_preset(Brush, presets, "wide", {"width": 2}, where="x").width == 2
    with pytest.raises(UserError, match=r"Unknown preset 'wade'. Did you mean 'wide'\?"):
        from_preset(Brush, presets, "wade", {}, where="x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "the key 'a' comes twice, again in line 2"),
        ("- 1\n", "must hold keys and values"),
        ("a: [", "is not valid YAML"),
        (None, "is not a file"),
    ],
)
def test_files_that_are_no_configuration_are_refused(tmp_path, text, message):
    path = tmp_path / "a.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_yaml(path)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"lr": "fast"},
            r"The key 'lr' is wrong \(given: 'fast'\): input should be a valid number",
        ),
        ({"lr": "fast"}, r", or input should be 'valley'\.$"),
    ],
)
def test_a_key_of_several_types_is_one_sentence(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        parse(FineTuning, settings, where="test")


def test_a_tuple_is_a_list_in_a_file():
    with pytest.raises(
        UserError, match=r"'projector' is wrong \(given: 64\): a list is needed, such"
    ):
        parse(Pretraining, {"method": "x", "projector": 64}, where="test")
