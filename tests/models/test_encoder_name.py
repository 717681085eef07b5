import pytest

from twinlens.models.encoder_name import EncoderName, parse_name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("resnet18", ("resnet18", None, None)),
        ("resnet18:224", ("resnet18", None, 224)),
        ("timm/vit:cls+mean", ("timm/vit", "cls+mean", None)),
        ("timm/vit:cls:98", ("timm/vit", "cls", 98)),
        ("hf-hub:a/b", ("hf-hub:a/b", None, None)),
        ("hf-hub:a/b@main:mean:70", ("hf-hub:a/b@main", "mean", 70)),
        ("timm/vit:max", ("timm/vit:max", None, None)),
        ("", ("", None, None)),
    ],
)
def test_pooling_and_side_are_the_end_of_a_name(name, parts):
    assert parse_name(name) == EncoderName(*parts)
