from twinlens.models.encoders import build_encoder
from twinlens.models.layers import layer_depths


def test_our_residual_networks_have_a_depth_per_block():
    depths = layer_depths(build_encoder("resnet18_quarter", seed=0))
    assert depths["network.conv1.weight"] == depths["network.bn1.bias"] == 0
    blocks = [f"network.layer{stage}.{index}" for stage in range(1, 5) for index in range(2)]
    for depth, block in enumerate(blocks, 1):
        assert {d for name, d in depths.items() if name.startswith(f"{block}.")} == {depth}


def test_timms_networks_have_timms_depths():
    encoder = build_encoder("timm/test_vit", seed=0)
    depths = layer_depths(encoder)
    assert list(depths) == [name for name, _ in encoder.named_parameters()]
    blocks = len(encoder.network.blocks)
    assert depths["network.cls_token"] == depths["network.patch_embed.proj.weight"] == 0
    for index in range(blocks):
        assert depths[f"network.blocks.{index}.attn.qkv.weight"] == index + 1
    assert max(depths.values()) == depths["network.norm.weight"] == blocks


def test_another_network_is_all_stem(tiny):
    assert set(layer_depths(build_encoder(tiny, seed=0)).values()) == {0}
