"""Gaussian blur of a batch, a sigma an image."""

import torch
import torch.nn.functional as F  # noqa: N812, the field's own name
from jaxtyping import Float
from torch import Tensor

from twinlens.types import Images


def gaussian_blur(images: Images, sigma: Float[Tensor, " batch"], radius: int) -> Images:
    """Convolve each image with its own Gaussian, truncated at `radius` and normalised.

    Edges are mirrored without repeating the border pixel (d c b | a b c d | c b a), as torchvision
    and Kornia do.

    Args:
        images: The batch; every side longer than `radius`.
        sigma: Standard deviation in pixels, above 0.
        radius: Pixels on each side of the centre: a kernel of 2 * radius + 1.
    """
    batch, channels, height, width = images.shape
    offsets = torch.arange(-radius, radius + 1, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, dim=0)
    # Every channel of every image is a group of one grouped convolution, across and then down.
    planes = F.pad(images, [radius] * 4, mode="reflect").flatten(0, 1)[None]
    planes = F.conv2d(planes, kernel[:, None, None, :], groups=len(kernel))
    planes = F.conv2d(planes, kernel[:, None, :, None], groups=len(kernel))
    return planes.view(batch, channels, height, width)
