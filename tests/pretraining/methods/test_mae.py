import math

import numpy as np
import pytest
import torch

from twinlens.errors import UserError
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods.mae import MaskedAutoencoder, mae, patch_order

timm = pytest.importorskip("timm")

ROWS = np.array([7, 2, 9])


def _network(settings=None, **changes):
    """A vision transformer of 4 x 3 patches of 8 pixels, and its decoder."""
    torch.manual_seed(0)
    usual = {"img_size": (32, 24), "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2}
    network = timm.models.VisionTransformer(**usual | {"num_classes": 0} | changes)
    encoder = Encoder("tiny", network, feature_dim=24, mean=(0,) * 3, std=(1,) * 3, default_size=32)
    settings = {"method": "mae", "decoder_width": 32, "decoder_depth": 1} | (settings or {})
    found = MaskedAutoencoder(encoder, configure("recommended", settings, where=""), 0).eval()
    found.at_step(ROWS, seed=5, step=3)
    return found


@pytest.fixture
def images():
    return torch.rand(3, 3, 32, 24, generator=torch.Generator().manual_seed(1))


def _patch(image, place):
    """Patch of an image, in the order of rows; its values channel by channel."""
    row, column = divmod(place, 3)
    return image[:, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8].flatten()


def test_the_settings_take_their_own_defaults_and_no_weight_decay():
    settings = configure("recommended", {"method": "mae"}, where="")
    given = settings.model_dump(by_alias=True) | {"weight_decay": 0}
    assert type(settings).model_validate(given) == settings.model_copy(update={"weight_decay": 0})


@pytest.mark.parametrize("normalised", [True, False])
def test_it_equals_the_formula_written_with_loops(normalised):
    source = torch.Generator().manual_seed(0)
    predicted, patches = torch.randn(2, 3, 4, 12, generator=source, dtype=torch.float64)
    total = 0.0
    for p, x in zip(predicted.flatten(0, 1), patches.flatten(0, 1), strict=True):
        mean = sum(x.tolist()) / 12
        variance = sum((v - mean) ** 2 for v in x.tolist()) / 11
        for guess, v in zip(p.tolist(), x.tolist(), strict=True):
            target = (v - mean) / math.sqrt(variance + 1e-6) if normalised else v
            total += (guess - target) ** 2
    loss, _ = mae(predicted, patches, normalised=normalised)
    assert loss.item() == pytest.approx(total / (3 * 4 * 12), rel=1e-12)


def test_brightness_and_contrast_of_a_patch_do_not_matter_and_a_perfect_guess_costs_nothing():
    source = torch.Generator().manual_seed(0)
    patches = torch.rand(2, 5, 48, generator=source, dtype=torch.float64)
    guess = torch.randn(2, 5, 48, generator=source, dtype=torch.float64)
    loss, _ = mae(guess, patches)
    assert mae(guess, 3 * patches + 2)[0].item() == pytest.approx(loss.item(), rel=1e-4)
    exact, terms = mae(patches, patches, normalised=False)
    assert (exact, terms["explained"]) == (0, 1)


def test_a_mask_depends_on_seed_step_and_row_alone():
    whole = patch_order(ROWS, 12, seed=5, step=3)
    assert (np.sort(whole, axis=1) == np.arange(12)).all()
    assert (patch_order(ROWS[[2, 0]], 12, seed=5, step=3) == whole[[2, 0]]).all()
    for other in ({"seed": 6, "step": 3}, {"seed": 5, "step": 4}):
        assert (patch_order(ROWS, 12, **other) != whole).any()
    first = patch_order(np.arange(6000), 12, seed=0, step=0)[:, 0]
    assert np.bincount(first, minlength=12) == pytest.approx(500, abs=100)


@pytest.mark.parametrize(
    "changes", [{}, {"class_token": False, "global_pool": "avg"}, {"reg_tokens": 4}]
)
def test_the_blocks_see_no_masked_patch(images, changes):
    network, lengths = _network(**changes), []
    network.encoder.network.blocks[0].register_forward_pre_hook(
        lambda _, tokens: lengths.append(tokens[0].shape[1])
    )
    predicted, pixels = network(images)
    prefix = network.encoder.network.num_prefix_tokens
    assert lengths == [prefix + 3]  # a quarter of 12
    assert predicted.shape == pixels.shape == (3, 9, 192)
    masked = patch_order(ROWS, 12, seed=5, step=3)[:, 3:]
    for image, places, row in zip(images, masked, pixels, strict=True):
        assert torch.equal(row, torch.stack([_patch(image, place) for place in places]))
        for place in places:
            _patch_view(image, place).fill_(0.5)
    assert torch.equal(network(images)[0], predicted)


def _patch_view(image, place):
    row, column = divmod(place, 3)
    return image[:, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]


def test_a_token_is_put_back_where_its_patch_was(images):
    network = _network({"mask_ratio": 0.5})
    network.decoder, network.predict = torch.nn.Identity(), torch.nn.Identity()
    order = torch.from_numpy(patch_order(ROWS, 12, seed=5, step=3))
    tokens = network._encode(images, order[:, :6])
    decoded = network._decode(tokens, order, [4, 3])
    places = timm.layers.build_sincos2d_pos_embed([4, 3], 32)
    for i, (visible, hidden) in enumerate(zip(order[:, :6], order[:, 6:], strict=True)):
        torch.testing.assert_close(
            decoded[i, visible] - places[visible], network.enter(tokens[i, 1:])
        )
        torch.testing.assert_close(
            decoded[i, hidden] - places[hidden], network.mask_token[0].expand(6, -1)
        )


def test_the_encoder_itself_stays_what_it_was(images):
    network = _network()
    plain = timm.models.VisionTransformer(
        img_size=(32, 24), patch_size=8, embed_dim=24, depth=2, num_heads=2, num_classes=0
    ).eval()
    network(images)
    plain.load_state_dict(network.encoder.state_dict())
    assert torch.equal(network.encoder(images), plain(images))


def test_it_learns_to_predict_what_it_does_not_see(images):
    network = _network({"decoder_width": 64}).train()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for step in range(60):
        network.at_step(ROWS, seed=5, step=step % 3)
        loss, _ = mae(*network(images[:, :, :, :]), normalised=False)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3
    assert all(p.grad is not None for p in network.encoder.network.blocks.parameters())


@pytest.mark.parametrize("changes", [{}, {"class_token": False, "global_pool": "avg"}])
def test_all_that_is_trained_gets_a_gradient(images, changes):
    network = _network(**changes)
    mae(*network(images))[0].backward()
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert trained == {name for name, p in network.named_parameters() if p.grad is not None}
    assert any(name.startswith("encoder") for name in trained)


@pytest.mark.parametrize("named", [{}, {"patch_drop": None}])
def test_other_networks_have_no_patches_to_mask(named):
    config = configure("recommended", {"method": "mae"}, where="")
    encoder = build_encoder("resnet18", 0)
    vars(encoder.network).update(named)
    with pytest.raises(
        UserError, match=r"such as timm/vit_small_patch16_224, and resnet18 is none"
    ):
        MaskedAutoencoder(encoder, config, 0)


@pytest.mark.parametrize(
    ("ratio", "side", "fails"), [(0.75, 8, True), (0.1, 32, False), (0.03, 32, True)]
)
def test_images_without_a_patch_to_predict_are_said(ratio, side, fails):
    network = _network({"mask_ratio": ratio}, img_size=(side, side), dynamic_img_size=True)
    images = torch.rand(3, 3, side, side)
    if fails:
        with pytest.raises(
            UserError, match=f"an image of {side} pixels has {(side // 8) ** 2} of 8"
        ):
            network(images)
    else:
        assert network(images)[0].shape[1] == 2


def test_patches_that_do_not_divide_the_images_are_refused():
    network = _network(img_size=32, dynamic_img_size=True, dynamic_img_pad=True)
    with pytest.raises(UserError, match=r"the 8 pixels of a patch of tiny do not divide .* of 36:"):
        network(torch.rand(3, 3, 36, 36))


def test_images_have_the_side_that_the_encoders_name_says():
    encoder = build_encoder("timm/vit_tiny_patch16_224:64", 0)
    network = MaskedAutoencoder(encoder, configure("recommended", {"method": "mae"}, where=""), 0)
    network.at_step(ROWS, seed=5, step=3)
    predicted, pixels = network(torch.rand(3, 3, 32, 32))
    assert predicted.shape == pixels.shape == (3, 12, 3 * 16 * 16)
