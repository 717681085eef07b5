import pytest

from twinlens.config import keys
from twinlens.errors import UserError
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods import METHODS
from twinlens.settings.pretraining import PRESETS


def _stored(preset, **settings):
    return configure(preset, settings, where="here").model_dump(by_alias=True, mode="json")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("preset", ["recommended", "paper", "paper-code"])
def test_a_run_stores_the_settings_of_its_method_alone(method, preset):
    stored = _stored(preset, method=method)
    assert stored["method"] == method
    assert set(stored) == {*keys(METHODS[method].settings)}


def test_barlow_twins_is_the_method_where_none_is_named():
    assert _stored("recommended") == _stored("recommended", method="barlow_twins")
    assert _stored("recommended")["lambda"] == 0.0051
    assert (_stored("paper-code")["lambda"], _stored("paper-code")["eps"]) == (None, 0.0)


@pytest.mark.parametrize(
    ("method", "preset", "projector"),
    [
        ("barlow_twins", "recommended", [1024, 1024, 1024]),
        ("barlow_twins", "paper-code", [8192, 8192, 8192]),
        ("byol", "recommended", [1024, 256]),
        ("byol", "paper", [4096, 256]),
        ("diet", "paper", []),
        ("simclr", "recommended", [1024, 128]),
        ("simclr", "paper", [2048, 128]),
        ("vicreg", "recommended", [1024, 1024, 1024]),
        ("vicreg", "paper", [8192, 8192, 8192]),
    ],
)
def test_each_method_has_its_projector(method, preset, projector):
    assert _stored(preset, method=method)["projector"] == projector
    assert _stored(preset, method=method, projector=[8])["projector"] == [8]


def test_a_method_changes_no_preset_but_those_there_are():
    assert [*PRESETS] == ["recommended", "paper", "paper-code"]
    assert all(set(method.presets) <= set(PRESETS) for method in METHODS.values())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"temperature": 0.1}, "'temperature' is a setting of the method simclr, not of barlow_tw"),
        ({"method": "simclr", "lambda": 1}, "barlow_twins, not of simclr.*method=barlow_twins"),
        ({"method": "vicreg", "eps": 1}, "'eps' is a setting of the method barlow_twins"),
        ({"method": "simclr", "variance": 1}, "'variance' is a setting of the method vicreg"),
        ({"method": "simclr", "temperature": 0}, "'temperature' is wrong.*greater than 0"),
        ({"method": "byol", "teacher_momentum": 1}, "'teacher_momentum' is wrong.*less than 1"),
        ({"teacher_momentum": 0.9}, "'teacher_momentum' is a setting of the method byol"),
        ({"method": "vicreg", "covariance": -1}, "'covariance' is wrong"),
        ({"method": "vicreg", "varience": 1}, "'varience'. Did you mean 'variance'"),
        ({"lambd": 1}, "Unknown key 'lambd'. Did you mean 'lambda'"),
        ({"method": ["vicreg"]}, "here: Unknown method .*simclr, vicreg"),
    ],
)
def test_mistakes_are_sentences(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        configure("recommended", settings, where="here")
