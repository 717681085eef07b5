"""From an upload to its answers."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from prometheus_client import Gauge
from starlette.requests import Request

from twinlens.errors import UserError
from twinlens.importing.decode import ImageError, decode, square
from twinlens.serving.answers import Answer, Answers, Case, ClassProbability, GroupProbability
from twinlens.serving.backend import Backend, Neighbour, Prediction
from twinlens.serving.batching import Batcher, BusyError
from twinlens.serving.guard import Metrics, RefusedError
from twinlens.serving.keep import Keeper
from twinlens.serving.limits import Limits
from twinlens.serving.pictures import heat_picture
from twinlens.serving.upload import read_images
from twinlens.types import PackedImage

if TYPE_CHECKING:
    from twinlens.serving.cases import Cases  # which imports pandas

T = TypeVar("T")

_DECODERS = 2
"""Images that are decoded at once: one of 80 million pixels takes 240 MB."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for beside the probabilities: Grad-CAM, and a number of nearest cases."""

    grad_cam: bool = False
    nearest: int = 0


@dataclass
class Service:
    """A model that answers uploads.

    Attributes:
        backend: The model.
        limits: What a client may ask for.
        cases: Pictures of the nearest cases; None for none.
        keeper: Where images and answers are stored; None for nowhere.
    """

    backend: Backend
    limits: Limits = field(default_factory=Limits)
    cases: "Cases | None" = None
    keeper: Keeper | None = None

    def __post_init__(self) -> None:
        self.metrics, limits = Metrics(), self.limits
        self.batcher = Batcher(self.backend, limits.max_batch, limits.queue, self.metrics.batch)
        waiting = Gauge(
            "twinlens_waiting_images", "Images that wait", registry=self.metrics.registry
        )
        waiting.set_function(lambda: self.batcher.waiting)
        offered = {"max_bytes": limits.max_bytes, "max_images": limits.max_images}
        offered["kept"] = self.keeper is not None
        self.about = self.backend.about.model_copy(update=offered)
        self._titles = {each.name: each.title for each in self.about.classes}
        self._threads = ThreadPoolExecutor(_DECODERS, thread_name_prefix="images")
        self._requests = 0

    async def answer(self, request: Request, wanted: Wanted) -> Answers:
        """Answer an upload.

        Raises:
            RefusedError: The request is over a limit, the model has not what it asks for, or none
                of its images can be read.
        """
        self._check_offered(wanted)
        if self._requests >= self.limits.queue:
            raise RefusedError(503, "Too many requests at once: try again.", retry_after=1)
        self._requests += 1
        try:
            contents = await read_images(request, self.limits)
            answers = await self._answers(contents, wanted)
        except BusyError as error:
            raise RefusedError(503, "Too many images wait: try again.", retry_after=1) from error
        finally:
            self._requests -= 1
        if all(answer.error for answer in answers):
            raise RefusedError(422, _no_image(answers))
        return Answers(answers=answers, limits=self.about.limits)

    def _check_offered(self, wanted: Wanted) -> None:
        if wanted.grad_cam and not self.about.grad_cam:
            raise RefusedError(
                422, "This model shows no Grad-CAM: it needs a bundle, and the extra 'explain'."
            )
        if wanted.nearest and not self.about.nearest:
            raise RefusedError(
                422, "This model knows no nearest cases: it needs a bundle with an index."
            )

    async def _answers(self, contents: Sequence[bytes], wanted: Wanted) -> list[Answer]:
        size = self.about.size
        read = await asyncio.gather(*(self._in_thread(_prepare, each, size) for each in contents))
        squares = [pixels for pixels in read if not isinstance(pixels, str)]
        predictions, answers = iter(await self.batcher.predict(squares)), []
        for place, (content, pixels) in enumerate(zip(contents, read, strict=True)):
            if isinstance(pixels, str):
                answer = Answer(image=place, error=pixels)
            else:
                answer = self._answer(place, next(predictions), wanted.nearest)
            if not isinstance(pixels, str) and answer.predicted is not None:
                answer = await self._finished(answer, content, pixels, grad_cam=wanted.grad_cam)
            self.metrics.images.labels("failed" if answer.error else "answered").inc()
            answers.append(answer)
        return answers

    def _answer(self, place: int, found: Prediction, nearest: int) -> Answer:
        if not np.isfinite(found.probabilities).all():
            return Answer(image=place, error="the model gives no finite probabilities for it")
        pairs = zip(self.about.classes, found.probabilities.tolist(), strict=True)
        classes = [ClassProbability(**each.model_dump(), probability=p) for each, p in pairs]
        classes.sort(key=lambda each: -each.probability)
        return Answer(
            image=place,
            predicted=classes[0].name,
            classes=classes,
            groups=_groups(classes),
            prediction_set=None if found.prediction_set is None else [*found.prediction_set],
            unlike_training=found.unlike_training,
            distance=found.distance,
            nearest=[self._case(neighbour) for neighbour in found.nearest[:nearest]],
        )

    def _case(self, found: Neighbour) -> Case:
        return Case(
            id=found.id,
            label=found.label,
            title=self._titles.get(found.label, found.label),
            distance=found.distance,
            picture=self.cases.picture(found.id) if self.cases else None,
        )

    async def _finished(
        self, answer: Answer, content: bytes, pixels: PackedImage, *, grad_cam: bool
    ) -> Answer:
        """Add Grad-CAM, and store the answer, if asked for."""
        if grad_cam:
            label = [each.name for each in self.about.classes].index(answer.predicted or "")
            heat = await self.batcher.in_thread(self.backend.heat, pixels, label)
            answer = answer.model_copy(
                update={"grad_cam": await self._in_thread(heat_picture, heat)}
            )
        if self.keeper is not None:
            await self._in_thread(self.keeper.keep, content, answer)
        return answer

    async def _in_thread(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)


def _prepare(content: bytes, size: int) -> PackedImage | str:
    """Return the square of an image, or why it cannot be read."""
    try:
        return square(decode(content, side=size), size)
    except (ImageError, UserError) as error:
        return str(error)


def _groups(classes: Sequence[ClassProbability]) -> list[GroupProbability]:
    if not all(each.group for each in classes):
        return []
    sums: dict[str, float] = {}
    for each in classes:
        sums[each.group] = sums.get(each.group, 0) + each.probability
    ordered = sorted(sums.items(), key=lambda pair: -pair[1])
    return [GroupProbability(name=name, probability=p) for name, p in ordered]


def _no_image(answers: Sequence[Answer]) -> str:
    if len(answers) == 1:
        return f"The image cannot be used: {answers[0].error}."
    return f"None of the {len(answers)} images can be used; the first: {answers[0].error}."
