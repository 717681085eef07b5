"""What stands before the application: hosts, origins, tokens, rates, and headers of security."""

import hmac
import math
from dataclasses import dataclass, field
from time import perf_counter
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twinlens.serving.limits import Limits, RateLimit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN = frozenset({"/", "/health", "/page.css", "/page.js"})
"""Paths that need no token: they show nothing of the model."""
PATHS = OPEN | {"/predict", "/model", "/metrics", "/openapi.json"}

SECURITY = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every response, here and of the labelling page."""


class Metrics:
    """Counters of a server; paths that it does not have count as one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ("path", "status")
        registry = self.registry
        self.requests = Counter("twinlens_requests", "Requests", names, registry=registry)
        self.seconds = Histogram(
            "twinlens_request_seconds", "Time of a request", ("path",), registry=registry
        )
        self.images = Counter("twinlens_images", "Images", ("result",), registry=registry)
        buckets = (1, 2, 4, 8, 16, 32, 64)
        self.batch = Histogram(
            "twinlens_batch_images", "Images in a batch", buckets=buckets, registry=registry
        )


@dataclass(eq=False)
class RefusedError(Exception):
    """A request that is not answered.

    Attributes:
        status: Status of HTTP.
        detail: What is wrong and what to do, in a sentence.
        retry_after: Seconds after which it may be sent again.
    """

    status: int
    detail: str
    retry_after: float | None = None

    def response(self) -> JSONResponse:
        """Return it as a response. The connection closes, as its body may not have been read."""
        headers = {"connection": "close"}
        if self.retry_after is not None:
            headers["retry-after"] = str(math.ceil(self.retry_after))
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        return JSONResponse({"detail": self.detail}, self.status, headers)


@dataclass
class Guard:
    """An application that refuses requests before they reach another one.

    Attributes:
        app: The application.
        hosts: Names by which clients may call the server, against DNS rebinding.
        token: The token that they must send; None for none.
        limits: How often they may ask.
        metrics: Where requests are counted.
    """

    app: ASGIApp
    hosts: frozenset[str]
    token: str | None
    limits: Limits
    metrics: Metrics
    _rate: RateLimit = field(init=False)
    _bad_tokens: RateLimit = field(init=False)

    def __post_init__(self) -> None:
        self._rate = RateLimit(self.limits.rate)
        self._bad_tokens = RateLimit(self.limits.bad_tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in PATHS else "other"
        began, status = perf_counter(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(SECURITY)
            await send(message)

        try:
            self._check(scope)
            await self.app(scope, receive, answer)
        except RefusedError as refusal:
            await refusal.response()(scope, receive, answer)
        finally:
            self.metrics.requests.labels(path, str(status)).inc()
            self.metrics.seconds.labels(path).observe(perf_counter() - began)

    def _check(self, scope: Scope) -> None:
        headers, client = Headers(scope=scope), (scope.get("client") or ("",))[0]
        self._check_host(headers)
        if self.token is not None and scope["path"] not in OPEN:
            self._check_token(headers, client)
        if scope["path"] == "/predict":
            wait = self._rate.wait(client)
            if wait:
                raise RefusedError(429, f"Too many requests: wait {math.ceil(wait)} s.", wait)
            self._rate.count(client)

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        if _name(host) not in self.hosts:
            raise RefusedError(
                400,
                "This server is not known by the name in the header Host: start it with "
                "--allow-host NAME.",
            )
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise RefusedError(403, "Requests from pages of another site are not answered.")

    def _check_token(self, headers: Headers, client: str) -> None:
        wait = self._bad_tokens.wait(client)
        if wait:
            raise RefusedError(429, f"Too many wrong tokens: wait {math.ceil(wait)} s.", wait)
        scheme, _, given = headers.get("authorization", "").partition(" ")
        expected = (self.token or "").encode()
        right = hmac.compare_digest(given.strip().encode(), expected)
        if scheme.lower() == "bearer" and right:
            return
        if given:
            self._bad_tokens.count(client)
        raise RefusedError(401, "This server needs its token: send 'Authorization: Bearer TOKEN'.")


def _name(host: str) -> str:
    """Return the name in a header Host, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
