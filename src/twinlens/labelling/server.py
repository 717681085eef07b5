"""The server of the page, which knows at any time what to label next from the answers alone."""

from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse
from PIL import Image
from pydantic import BaseModel
from starlette.middleware.base import RequestResponseEndpoint

from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.importing.decode import ImageError, decode
from twinlens.labelling.access import Access
from twinlens.labelling.answers import Answers
from twinlens.labelling.queue import ClassKey, Item
from twinlens.serving.guard import SECURITY

PAGE = Path(__file__).with_name("page")
MAX_SIDE = 2048
"""Larger originals are reduced to this side, in pixels."""


class Given(BaseModel):
    """An answer: the number of the image, and the class; None for "cannot tell"."""

    number: int
    label: str | None


@dataclass(frozen=True)
class Session:
    """What is labelled, and what has been answered.

    Attributes:
        data: The data set.
        queue: The images, in their order.
        classes: The classes and their keys.
        answers: What has been answered.
        show_predictions: Whether the page shows what the model predicts.
    """

    data: Dataset
    queue: list[Item]
    classes: list[ClassKey]
    answers: Answers
    show_predictions: bool = False

    def state(self) -> dict[str, object]:
        """Return what the page shows: progress, the next image and the one after it."""
        given = self.answers.given()
        left = [number for number, item in enumerate(self.queue) if item.id not in given]
        item = self.queue[left[0]] if left else None
        return {
            "classes": [asdict(key) for key in self.classes],
            "total": len(self.queue),
            "done": len(self.queue) - len(left),
            "number": left[0] if left else None,
            "next": left[1] if len(left) > 1 else None,
            "id": item and item.id,
            "predicted": item.predicted if item and self.show_predictions else "",
        }

    def answer(self, given: Given) -> None:
        """Store an answer to the image that is to be labelled now.

        Raises:
            HTTPException: It is to another image, or of no class.
        """
        if given.number != self.state()["number"]:
            raise HTTPException(409, "This is not the image that is to be labelled now.")
        if given.label not in (None, *(key.name for key in self.classes)):
            raise HTTPException(422, "There is no such class.")
        self.answers.give({self.queue[given.number].id: given.label})

    def image(self, number: int) -> tuple[bytes, str]:
        """Return an image and its media type: the original without its metadata, or the pack's."""
        item = self.queue[number]
        original = None if item.file is None else _decoded(item.file)
        image = original or Image.fromarray(self.data.images[item.row])
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        content, kind = BytesIO(), "JPEG" if original else "PNG"
        image.save(content, kind, **({"quality": 95} if original else {}))
        return content.getvalue(), f"image/{kind.lower()}"


def _decoded(file: Path) -> Image.Image | None:
    try:
        return decode(file.read_bytes())
    except (OSError, ImageError, UserError):
        return None


def build_app(session: Session, access: Access) -> FastAPI:
    """Return the application of the page.

    Args:
        session: What is labelled.
        access: Who may use it.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _add_page(app, access)
    _add_labelling(app, session)
    return app


def _add_page(app: FastAPI, access: Access) -> None:
    @app.middleware("http")
    async def guard(request: Request, call_next: RequestResponseEndpoint) -> Response:
        refused = access.refusal(request)
        response: Response = (
            await call_next(request)
            if refused is None
            else PlainTextResponse(refused[1], refused[0])
        )
        response.headers.update(SECURITY)
        return response

    @app.get("/")
    async def page(token: str | None = None) -> Response:
        if token is None:
            return FileResponse(PAGE / "label.html")
        response = RedirectResponse("/", 303)
        response.set_cookie(access.cookie, access.token, httponly=True, samesite="strict")
        return response

    @app.get("/label.{suffix}")
    async def part(suffix: str) -> Response:
        if suffix not in ("css", "js"):
            raise HTTPException(404)
        return FileResponse(PAGE / f"label.{suffix}")


def _add_labelling(app: FastAPI, session: Session) -> None:
    @app.exception_handler(UserError)
    async def tell(_request: Request, error: UserError) -> Response:
        return PlainTextResponse(str(error), 507)  # the page shows it

    @app.get("/state")
    async def state() -> dict[str, object]:
        return session.state()

    @app.post("/answer")
    async def answer(given: Given) -> dict[str, object]:
        session.answer(given)
        return session.state()

    @app.post("/undo")
    async def undo() -> dict[str, object]:
        session.answers.undo({item.id for item in session.queue})
        return session.state()

    @app.get("/image/{number}")
    def image(number: int) -> Response:
        if not 0 <= number < len(session.queue):
            raise HTTPException(404, "There is no such image.")
        content, kind = session.image(number)
        return Response(content, media_type=kind)
