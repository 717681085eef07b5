"""`twinlens serve`: the request checked, the model loaded, and the server run."""

import asyncio
import ipaddress
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import h11
import numpy as np
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from twinlens.console import say
from twinlens.errors import UserError, lacks_memory
from twinlens.requests.base import accepts
from twinlens.requests.serve import ServeRequest
from twinlens.serving.app import create_app
from twinlens.serving.backend import Backend, open_backend
from twinlens.serving.guard import LOOPBACK
from twinlens.serving.keep import Keeper
from twinlens.serving.limits import Limits
from twinlens.serving.service import Service

TOKEN = "TWINLENS_TOKEN"
_SHORTEST_TOKEN = 16
_HEADER_SECONDS = 10.0
_CONNECTIONS = 512


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that closes connections whose request does not come to the end of its headers."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait for a request."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(_HEADER_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Stop to wait if the headers are complete, and begin to if others have begun."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(_HEADER_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@accepts(ServeRequest)
def serve(request: ServeRequest) -> None:
    """Serve a model until interrupted.

    Raises:
        UserError: The model cannot be used, a limit makes no sense, the address is not free, or it
            is not this machine's own and there is no token.
    """
    limits, token = checked_limits(request), read_token(request)
    service = Service(
        open_backend(Path(request.model), request.device, request.tta),
        limits,
        cases=_cases(request),
        keeper=None if request.keep is None else Keeper(Path(request.keep)),
    )
    check_memory(service.backend, limits.max_batch)
    hosts = LOOPBACK | {request.host.lower(), *map(str.lower, request.allowed_hosts)}
    listening = _listen(request.host, request.port)
    say(f"Serving on {_address(listening)}; stop with Ctrl+C.")
    with suppress(KeyboardInterrupt):
        server(create_app(service, hosts=hosts, token=token)).run(sockets=[listening])


def server(app: ASGIApp) -> uvicorn.Server:
    """Return the server of an application: nothing of a request is logged."""
    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        access_log=False,
        log_level="warning",
        proxy_headers=False,  # a client could write into them who it is
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        h11_max_incomplete_event_size=16_384,
        timeout_graceful_shutdown=10,
    )
    return uvicorn.Server(config)


def checked_limits(request: ServeRequest) -> Limits:
    """Return the limits of a request.

    Raises:
        UserError: One of them is below what makes sense.
    """
    for name in ("max_mb", "max_images", "max_batch", "queue", "rate", "upload_seconds"):
        if getattr(request, name) <= 0:
            raise UserError(f"--{name.replace('_', '-')} must be above 0.")
    if request.queue < request.max_images:
        raise UserError(
            f"--queue {request.queue} has no room for a request of --max-images "
            f"{request.max_images}: raise the first or lower the second."
        )
    return Limits(
        max_bytes=round(request.max_mb * 1e6),
        max_images=request.max_images,
        max_batch=request.max_batch,
        queue=request.queue,
        rate=request.rate,
        upload_seconds=request.upload_seconds,
    )


def check_memory(backend: Backend, max_batch: int) -> None:
    """Predict the largest batch once, before a request does.

    Raises:
        UserError: There is not enough memory for it.
    """

    def predict(images: int) -> bool:
        size = backend.about.size
        try:
            backend.answer(np.zeros((images, size, size, 3), np.uint8))
        except Exception as error:  # onnxruntime has classes of its own
            if not lacks_memory(error):
                raise
            return False
        return True

    if not predict(max_batch):
        halves = (max_batch >> shift for shift in range(1, max_batch.bit_length()))
        fits = next((images for images in halves if predict(images)), None)
        remedy = f"--max-batch {fits} fits" if fits else "choose --device cpu, or fewer --tta views"
        raise UserError(f"--max-batch {max_batch} needs more memory than there is: {remedy}.")


def read_token(request: ServeRequest) -> str | None:
    """Return the token of a request's file, or of the environment; None for none.

    Raises:
        UserError: There is none and the address is not this machine's own, or it is too short.
    """
    if request.token_file is not None:
        try:
            token = Path(request.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"--token-file {request.token_file} cannot be read: {error}."
            ) from error
    else:
        token = os.environ.get(TOKEN, "").strip()
        if not token and _is_loopback(request.host):
            return None
        if not token:
            raise UserError(
                f"--host {request.host} can be reached from other machines: give a token with "
                f"--token-file FILE or in {TOKEN}, or leave out --host."
            )
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or " " in token:
        raise UserError(
            f"The token must have {_SHORTEST_TOKEN} or more letters and digits: make one with "
            "'openssl rand -hex 32'."
        )
    return token


def _is_loopback(host: str) -> bool:
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _cases(request: ServeRequest) -> Any:
    if request.cases is None:
        return None
    from twinlens.serving.cases import Cases  # which imports pandas

    return Cases(Path(request.cases))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=_CONNECTIONS)
        # Connections inherit it; without it, an answer waits some 40 ms for an acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, OverflowError) as error:
        raise UserError(
            f"{host}:{port} cannot be listened on ({error}): choose another --port or --host."
        ) from error


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
