"""Masked autoencoders for vision transformers: He et al. 2022 (MAE, arXiv 2111.06377)."""

from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import unfold

from twinlens.errors import UserError, require
from twinlens.models.encoders import Encoder
from twinlens.models.initialisation import seeded_initialisation
from twinlens.pretraining.method import Method
from twinlens.pretraining.networks import SiameseNetwork
from twinlens.pretraining.precision import in_full_precision
from twinlens.pretraining.view_plans import pair
from twinlens.seeds import derive, uniforms
from twinlens.settings.pretraining import Pretraining
from twinlens.transfer import to_device
from twinlens.types import Images, Rows
from twinlens.views.view import ViewPlan

Patches = Float[Tensor, "batch patch value"]
Places = Int[Tensor, "batch place"]


@in_full_precision
def mae(
    predicted: Patches, patches: Patches, *, normalised: bool = True
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the mean squared error of masked patches, computed in fp32 (fp64 for fp64 input).

    loss = mean_ij (p_ij - t_ij)^2, with t_i = (x_i - mean(x_i)) / sqrt(var(x_i) + 1e-6)

    Section 3 of the article ("Reconstruction target"), with the unbiased variance of its code.

    Args:
        predicted: What the decoder says of the masked patches, shape (n, masked, values).
        patches: Their pixels x, shape (n, masked, values).
        normalised: Whether each patch is normalised as above; otherwise t = x.

    Returns:
        The loss, and "explained": the share of the targets' mean square that is predicted.
    """
    target = patches
    if normalised:
        variance = patches.var(dim=-1, keepdim=True)
        target = (patches - patches.mean(dim=-1, keepdim=True)) / (variance + 1e-6).sqrt()
    loss = (predicted - target).square().mean()
    scale = target.detach().square().mean().clamp(min=torch.finfo(target.dtype).tiny)
    return loss, {"explained": 1 - loss.detach() / scale}


def patch_order(
    rows: Rows, patches: int, *, seed: int, step: int
) -> Int[np.ndarray, "batch place"]:
    """Return a random order of each image's patches, of which the first are left visible.

    Args:
        rows: Row numbers of the images.
        patches: Number of patches of an image.
        seed: Seed of the phase.
        step: Its step; the order is a function of seed, step and row alone.
    """
    numbers = uniforms(derive(seed, "mask"), step, rows, patches)
    return np.argsort(numbers, axis=1, kind="stable")


class MAE(Pretraining):
    """Settings of MAE, which needs a vision transformer of timm, and sees one view of an image.

    Attributes:
        projector: None: features are what the encoder's own head returns.
        pair: Both views would show one "image", of which there is one view.
        mask_ratio: Share of the patches that the encoder does not see.
        decoder_width: Width of the decoder; a multiple of 32, of which each is a head of attention.
        decoder_depth: Number of its blocks.
        normalised_patches: Whether each patch to predict has a mean of 0 and a deviation of 1.
        weight_decay: Decoupled weight decay; biases and normalisation layers have none.
    """

    method: Literal["mae"] = "mae"
    projector: tuple[PositiveInt, ...] = Field((), max_length=0)
    pair: Literal["image"] = "image"
    mask_ratio: float = Field(0.75, gt=0, lt=1)
    decoder_width: int = Field(256, ge=32, multiple_of=32)
    decoder_depth: PositiveInt = 4
    normalised_patches: bool = True
    weight_decay: float = Field(0.05, ge=0)


class VisiblePatches(nn.Module):
    """Stands where timm's transformers drop patches, before their blocks: leaves the visible ones.

    Attributes:
        places: Places of the visible patches, shape (batch, visible); None for all.
    """

    def __init__(self, prefix: int) -> None:
        """Remember the number of tokens before the patches."""
        super().__init__()
        self.prefix = prefix
        self.places: Places | None = None

    def forward(self, tokens: Patches) -> Float[Tensor, "batch token value"]:
        """Return the prefix and the visible patches."""
        if self.places is None:
            return tokens
        visible = _take(tokens[:, self.prefix :], self.places)
        return torch.cat([tokens[:, : self.prefix], visible], dim=1)


class MaskedAutoencoder(SiameseNetwork):
    """A vision transformer that sees few patches, and a decoder that predicts the others."""

    def __init__(self, encoder: Encoder, config: Pretraining, seed: int) -> None:
        """Build the decoder.

        Raises:
            UserError: The encoder is no plain vision transformer of timm.
        """
        super().__init__(encoder, config, seed)
        assert isinstance(config, MAE)
        network: Any = encoder.network
        if not hasattr(network, "patch_drop") or not hasattr(network, "_pos_embed"):
            raise UserError(
                "MAE masks patches, which needs a plain vision transformer of timm, such as "
                f"timm/vit_small_patch16_224, and {encoder.name} is none: choose another encoder "
                "or method."
            )
        self.visible = VisiblePatches(network.num_prefix_tokens)
        network.patch_drop = self.visible
        for unused in (network.fc_norm, network.attn_pool):  # what follows the patches' tokens
            if unused is not None:
                unused.requires_grad_(False)
        self.patch, self.masked = network.patch_embed.patch_size, config.mask_ratio
        width, timm = config.decoder_width, require("timm.models.vision_transformer", extra="timm")
        with seeded_initialisation(seed, "decoder"):
            self.enter = nn.Linear(network.embed_dim, width)
            self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
            blocks = [timm.Block(width, width // 32) for _ in range(config.decoder_depth)]
            self.decoder = nn.Sequential(*blocks, nn.LayerNorm(width))
            self.predict = nn.Linear(width, 3 * self.patch[0] * self.patch[1])
        self._position: tuple[Rows, int, int] = np.zeros(0, dtype=np.int64), 0, 0

    def at_step(self, rows: Rows, *, seed: int, step: int) -> None:
        """Remember what the masks of the next batch depend on."""
        self._position = rows, seed, step

    def forward(self, *views: Images) -> tuple[Patches, Patches]:
        """Return the decoder's prediction of the masked patches, and their pixels.

        Raises:
            UserError: Patches do not divide the images, or are so few that none is masked.
        """
        images = self.encoder.resized(views[0])
        rows, seed, step = self._position
        if any(side % size for side, size in zip(images.shape[2:], self.patch, strict=True)):
            raise UserError(
                f"MAE needs whole patches, and the {self.patch[0]} pixels of a patch of "
                f"{self.encoder.name} do not divide images of {images.shape[-1]}: choose an "
                "image_size that they divide, or another encoder."
            )
        patches = unfold(images, self.patch, stride=self.patch).transpose(1, 2)
        count = patches.shape[1]
        drawn = patch_order(rows, count, seed=seed, step=step)
        order = to_device(torch.from_numpy(drawn), images.device)
        seen = max(1, round(count * (1 - self.masked)))
        if seen == count:
            raise UserError(
                f"MAE has no patch to predict: an image of {images.shape[-1]} pixels has {count} "
                f"of {self.patch[0]} pixels, and mask_ratio={self.masked:g} hides none: choose a "
                "larger image_size or mask_ratio."
            )
        tokens = self._encode(images, order[:, :seen])
        grid = [side // size for side, size in zip(images.shape[2:], self.patch, strict=True)]
        predicted = self._decode(tokens, order, grid)
        return _take(predicted, order[:, seen:]), _take(patches, order[:, seen:])

    def _encode(self, images: Images, visible: Places) -> Tensor:
        self.visible.places = visible
        try:
            tokens: Tensor = self.encoder.network.forward_features(images)  # type: ignore[operator]
        finally:
            self.visible.places = None
        return tokens

    def _decode(self, tokens: Tensor, order: Places, grid: list[int]) -> Patches:
        """Put the tokens of visible patches in their places, mask tokens in the others."""
        positions = require("timm.layers", extra="timm").build_sincos2d_pos_embed
        tokens = self.enter(tokens)
        prefix, seen = tokens[:, : self.visible.prefix], tokens[:, self.visible.prefix :]
        hidden = self.mask_token.to(seen.dtype).expand(
            len(order), order.shape[1] - seen.shape[1], -1
        )
        everywhere = _take(torch.cat([seen, hidden], dim=1), order.argsort(dim=1))
        everywhere = everywhere + positions(grid, everywhere.shape[-1], device=tokens.device)
        decoded = self.decoder(torch.cat([prefix, everywhere], dim=1))
        predicted: Patches = self.predict(decoded[:, self.visible.prefix :])
        return predicted


def _take(values: Tensor, places: Places) -> Patches:
    return values.gather(1, places[:, :, None].expand(-1, -1, values.shape[-1]))


def one_view(config: Pretraining, size: int) -> ViewPlan:
    """Return view 1 of the recipe that the settings name, of the images' size."""
    return pair(config, size)[:1]


_PAPER = {"projector": (), "decoder_width": 512, "decoder_depth": 8, "weight_decay": 0.05}

METHOD = Method(
    title="MAE",
    citation="He et al. 2022, arXiv 2111.06377",
    settings=MAE,
    presets={"paper": _PAPER, "paper-code": _PAPER},
    loss=lambda predicted, patches, c: mae(predicted, patches, normalised=c.normalised_patches),
    network=MaskedAutoencoder,
    per_image=True,
    views=one_view,
    reported={
        "mask_ratio": "share of masked patches",
        "decoder_width": "width of the decoder",
        "decoder_depth": "depth of the decoder",
    },
)
