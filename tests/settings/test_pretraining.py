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


ARTICLES = {
    "barlow_twins": {"projector": [8192, 8192, 8192]},
    "byol": {"projector": [4096, 256], "predictor": [4096], "teacher_momentum": 0.996},
    "diet": {"projector": [], "label_smoothing": 0.8, "weight_decay": 0.05},
    "dino": {
        "projector": [2048, 2048, 256], "prototypes": 65536, "local_views": 8,
        "teacher_momentum": 0.996, "centre_momentum": 0.9,
        "student_temperature": 0.1, "teacher_temperature": 0.04,
    },
    "lejepa": {
        "projector": [2048, 2048, 128], "local_views": 6, "directions": 1024, "lambda": 0.05,
    },
    "mae": {
        "projector": [], "mask_ratio": 0.75, "decoder_width": 512, "decoder_depth": 8,
        "normalised_patches": True, "weight_decay": 0.05,
    },
    "simclr": {"projector": [2048, 128], "temperature": 0.5},
    "vicreg": {
        "projector": [8192, 8192, 8192], "invariance": 25, "variance": 25, "covariance": 1,
    },
}  # fmt: skip
NARROWER = {
    "barlow_twins": {"projector": [1024, 1024, 1024]},
    "byol": {"projector": [1024, 256], "predictor": [1024], "teacher_momentum": 0.99},
    "diet": {},
    "dino": {
        "projector": [1024, 1024, 256], "prototypes": 1024, "local_views": 4,
        "teacher_momentum": 0.99,
    },
    "lejepa": {"projector": [1024, 1024, 128], "local_views": 4, "directions": 256},
    "mae": {"decoder_width": 256, "decoder_depth": 4},
    "simclr": {"projector": [1024, 128]},
    "vicreg": {"projector": [1024, 1024, 1024]},
}  # fmt: skip
"""In which `recommended` differs from the article: for smaller networks and fewer images."""


@pytest.mark.parametrize("method", METHODS)
def test_each_method_has_the_settings_of_its_article_or_narrower_ones(method):
    ours = ARTICLES[method] | NARROWER[method]
    for preset, settings in (("paper", ARTICLES[method]), ("recommended", ours)):
        stored = _stored(preset, method=method)
        assert {name: stored[name] for name in settings} == settings
    assert _stored("paper", method=method, weight_decay=0.5)["weight_decay"] == 0.5


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
