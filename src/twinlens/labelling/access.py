"""Who may use the page: the browser of the person who started it, and no other site or machine.

The server listens on the loopback address alone. Another web site that is open in the same browser
could still send requests there, or resolve a name of its own to that address (DNS rebinding), and
other users of the machine can connect too. Hence, as OWASP's cheat sheet on cross-site request
forgery advises: the Host header must name the loopback address, requests that change something must
come from the page itself (Origin), and all need a cookie that only the printed address gives.
"""

from dataclasses import dataclass
from hmac import compare_digest

from fastapi import Request

MAX_BODY = 2048
"""Bytes of the largest request; those of the page have less than 1,000."""


@dataclass(frozen=True)
class Access:
    """What a request must show.

    Attributes:
        token: The secret of the printed address.
        port: Port of the server.
    """

    token: str
    port: int

    @property
    def cookie(self) -> str:
        """Name of the cookie, which servers on other ports do not share."""
        return f"twinlens_label_{self.port}"

    @property
    def url(self) -> str:
        """The address to open, which hands out the cookie."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def knows(self, secret: str | None) -> bool:
        """Return whether a secret is the token; how long it takes does not tell how near it is."""
        return secret is not None and compare_digest(secret.encode(), self.token.encode())

    def refusal(self, request: Request) -> tuple[int, str] | None:
        """Return the status and the reason for which a request is refused; None if it is not."""
        host = request.headers.get("host", "")
        if host not in (f"127.0.0.1:{self.port}", f"localhost:{self.port}"):
            return 421, "This server answers to 127.0.0.1 and localhost only."
        if request.method not in ("GET", "HEAD"):
            if request.headers.get("origin") != f"http://{host}":
                return 403, "The request does not come from the page."
            length = request.headers.get("content-length", "")
            if not (length.isascii() and length.isdigit()):
                return 411, "The request does not say how long it is."
            if int(length[:9]) > MAX_BODY:
                return 413, "The request is too long."
        opens = request.method == "GET" and request.url.path == "/"
        shown = [request.cookies.get(self.cookie), request.query_params.get("token")]
        if not any(map(self.knows, shown[: 1 + opens])):
            return 401, "Open the address that 'twinlens label' has printed."
        return None
