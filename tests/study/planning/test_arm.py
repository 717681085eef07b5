import pytest
from pydantic import ValidationError

from twinlens.study.planning.arm import Arm


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"images": "all"}, "'images: all' names images for a pretraining"),
        ({"pretrain": {}, "images": "test"}, "choice of images 'test'.*unlabelled"),
        ({"predictions": "x.csv", "weights": "supervised"}, "leave out weights"),
        ({"train": {"precision": "fp32"}}, "set 'precision' once"),
        ({"pretrain": {"precision": "fp32"}}, "set 'precision' once"),
        ({"train": {"classes": ["a", "b"]}}, "set 'classes' once"),
        ({"pretrain": {"probe_label_fraction": 0.1}}, "leave out 'probe_label_fraction'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        Arm(**settings)


def test_an_arm_without_settings_trains_from_random_weights():
    arm = Arm()
    assert (arm.weights, arm.pretrain, arm.train, arm.predictions) == ("random", None, {}, None)
