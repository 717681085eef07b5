"""The application: what is answered at which path."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp

import twinlens
from twinlens.serving.answers import About, Answers, Health, Problem
from twinlens.serving.guard import LOOPBACK, Guard, RefusedError
from twinlens.serving.service import Service, Wanted

_PAGE = {"/": ("index.html", "html"), "/page.css": ("page.css", "css")}
_PAGE["/page.js"] = ("page.js", "javascript")
_FILES = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "required": ["images"], "properties": {"images": _FILES}}
_BODY = {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 401, 403, 408, 413, 415, 422, 429, 503, 507)
}


def create_app(
    service: Service, *, hosts: frozenset[str] = LOOPBACK, token: str | None = None
) -> ASGIApp:
    """Return the application.

    Args:
        service: What answers.
        hosts: Names by which clients may call the server.
        token: The token that they must send; None for none.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        worker = asyncio.create_task(service.batcher.work())
        yield
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker

    app = FastAPI(
        title="Twinlens",
        version=twinlens.__version__,
        description=service.about.limits,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    for path, (name, kind) in _PAGE.items():
        app.add_api_route(path, _file(name, kind), include_in_schema=False)
    _add_paths(app, service)
    _add_errors(app)
    return Guard(app, hosts, token, service.limits, service.metrics)


def _add_paths(app: FastAPI, service: Service) -> None:
    @app.post("/predict", responses=_PROBLEMS, openapi_extra={"requestBody": _BODY})
    async def predict(
        request: Request, grad_cam: bool = False, nearest: Annotated[int, Query(ge=0, le=10)] = 0
    ) -> Answers:
        """Predict one or many images."""
        return await service.answer(request, Wanted(grad_cam, nearest))

    @app.get("/model", responses={401: {"model": Problem}})
    async def model() -> About:
        """Tell what the model is, and what it can answer."""
        return service.about

    @app.get("/health")
    async def health() -> Health:
        """Tell whether the server is there."""
        return Health(status="ok", version=twinlens.__version__)

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Count requests, images and batches, in the text format of Prometheus."""
        text = generate_latest(service.metrics.registry)
        return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RefusedError)
    async def refuse(_request: Request, error: RefusedError) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def wrong(_request: Request, error: RequestValidationError) -> Response:
        problem = error.errors()[0]
        return RefusedError(422, f"{problem['loc'][-1]}: {problem['msg']}.").response()

    @app.exception_handler(Exception)
    async def fail(_request: Request, _error: Exception) -> Response:
        return RefusedError(500, "The server failed at this request.").response()


def _file(name: str, kind: str) -> Callable[[], Awaitable[Response]]:
    content = (files("twinlens.serving") / "page" / name).read_bytes()

    async def page() -> Response:
        return Response(content, headers={"content-type": f"text/{kind}; charset=utf-8"})

    return page
