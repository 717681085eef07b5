"""Examples of an evaluation: images worth a look, with what speaks for each prediction.

The pictures are in ``examples.npz``, in the order of the examples: ``images``, uint8 of shape
(example, side, side, 3); ``heat``, uint8 of shape (example, side, side), empty without Grad-CAM;
and ``nearest``, uint8 of shape (example, neighbour, side, side, 3).
"""

from typing import Literal

from twinlens.records.base import Record

EXAMPLES = "examples.json"
PICTURES = "examples.npz"

Kind = Literal["worst errors", "most confident errors", "most unlike the training images",
               "images"]  # fmt: skip


class NearestImage(Record):
    """A labelled training image near to an example; the distance of their features, 0 to 2."""

    id: str
    label: str
    distance: float


class Example(Record):
    """An image.

    Attributes:
        id: Its id.
        data: Name of its data set within the evaluation.
        label: Its class; null where it is not known.
        predicted: Its predicted class.
        probability: Probability of the predicted class.
        probability_of_label: Probability of its own class; null where that is not known.
        unlike: Its score of being unlike the training images; null if it was not computed.
        nearest: The nearest labelled training images, nearest first.
    """

    id: str
    data: str
    label: str | None
    predicted: str
    probability: float
    probability_of_label: float | None
    unlike: float | None
    nearest: list[NearestImage]


class Examples(Record):
    """The examples of an evaluation.

    Attributes:
        examples: Each image once.
        kinds: Places of the examples of each kind, the most extreme first.
        threshold: Score of being unlike the training images above which an image counts as such.
        note: Why something is missing; empty where nothing is.
    """

    examples: list[Example]
    kinds: dict[Kind, list[int]]
    threshold: float | None = None
    note: str = ""
