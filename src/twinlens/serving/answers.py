"""What the server answers, as JSON: the models behind the OpenAPI description."""

from pydantic import Field

from twinlens.records.base import Record


class ClassName(Record):
    """A class of the model: its name, its full name, and its group such as malignant, or none."""

    name: str
    title: str
    group: str = ""


class About(Record):
    """What the model is, and what it can answer.

    Attributes:
        classes: The classes, in the order of the model's output.
        size: Side in pixels of the images that the network sees.
        temperature: Temperature that calibrates the probabilities; null for none.
        training_data: Hash of the training data.
        version: Version of Twinlens.
        coverage: Probability with which a prediction set holds the true class; null without sets.
        unlike_training: Whether it tells images that are unlike the training images.
        nearest: Whether it knows the nearest training images.
        grad_cam: Whether it shows where in an image it sees a class.
        limits: Limits of use, for people.
        kept: Whether the server stores images and answers.
        max_bytes: Bytes that a request may have.
        max_images: Images that a request may have.
    """

    classes: list[ClassName]
    size: int
    temperature: float | None = None
    training_data: str = ""
    version: str
    coverage: float | None = None
    unlike_training: bool = False
    nearest: bool = False
    grad_cam: bool = False
    limits: str
    kept: bool = False
    max_bytes: int = 0
    max_images: int = 0


class ClassProbability(ClassName):
    """A class and its probability."""

    probability: float


class GroupProbability(Record):
    """A group of classes, such as malignant, and the sum of their probabilities."""

    name: str
    probability: float


class Case(Record):
    """A labelled training image: id, class, distance of features (0 to 2), and a JPEG data URL."""

    id: str
    label: str
    title: str
    distance: float
    picture: str | None = None


class Answer(Record):
    """The answer about one image.

    Attributes:
        image: Position of the image in the request, from 0.
        error: Why there is no answer; the other fields are empty then.
        predicted: Name of the most probable class.
        classes: All classes, the most probable first.
        groups: All groups; empty unless every class has one.
        prediction_set: Names of the classes of which one is right with the model's coverage.
        unlike_training: Whether the image is unlike the training images.
        distance: Distance of its features to those of the training images.
        nearest: The nearest training images, if they were asked for.
        grad_cam: Where the predicted class is seen: the data URL of a transparent PNG to lay over
            the centred square of the image; null unless it was asked for.
    """

    image: int
    error: str | None = None
    predicted: str | None = None
    classes: list[ClassProbability] = Field(default=[])
    groups: list[GroupProbability] = Field(default=[])
    prediction_set: list[str] | None = None
    unlike_training: bool | None = None
    distance: float | None = None
    nearest: list[Case] = Field(default=[])
    grad_cam: str | None = None


class Answers(Record):
    """The answers about the images of a request, in order, and the limits of use."""

    answers: list[Answer]
    limits: str


class Health(Record):
    """Whether the server can answer."""

    status: str
    version: str


class Problem(Record):
    """What is wrong with a request, in a sentence."""

    detail: str
