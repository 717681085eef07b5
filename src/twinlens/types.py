"""Aliases of types and shapes. The tests check shapes at every call."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from jaxtyping import Float, Int, UInt8
from numpy import ndarray

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any  # torch takes a second to import, and importing images does without

Precision = Literal["auto", "fp32", "bf16"]
"""What a network computes in; auto is bf16 where the processor has it."""

RGB = tuple[float, float, float]
"""A number for each of the red, green and blue channel."""

PackedImage = UInt8[ndarray, "size size 3"]
"""An image as it lies in a pack: RGB, 0 to 255."""

PackedImages = UInt8[ndarray, "image size size 3"]
"""Images as they lie in a pack: RGB, 0 to 255."""


@runtime_checkable
class Pack(Protocol):
    """Packed images that are read when they are indexed: memory-mapped, or remote."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Images, height, width and 3."""

    @property
    def dtype(self) -> Any:
        """Of the pixels: uint8."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __getitem__(self, rows: Any, /) -> Any:
        """Return an image by its row, or several by a slice or an array of rows."""


Images = Float[Tensor, "batch 3 height width"]
"""A batch of views on the device, values in [0, 1] until normalised."""

Views = Float[Tensor, "batch 3 view_height view_width"]
"""What is made of a batch of images, in another size or the same."""

Features = Float[Tensor, "batch feature"]
"""Output of an encoder."""

Embeddings = Float[Tensor, "batch dim"]
"""Output of a projector: z in the paper."""

Logits = Float[Tensor, "batch class"]
Labels = Int[Tensor, " batch"]

Rows = Int[ndarray, " batch"]
"""Row numbers of a data set's table, which are also image numbers of its pack."""

Uniforms = Float[ndarray, "batch draw"]
"""Random numbers in [0, 1), a row for each image."""
