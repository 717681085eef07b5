import pytest

pytest.importorskip("fastapi")

from starlette.requests import Request

from twinlens.labelling.access import MAX_BODY, Access

ACCESS = Access("secret", 8000)
COOKIE = ("cookie", f"{ACCESS.cookie}=secret")
HOST = ("host", "127.0.0.1:8000")
ORIGIN = ("origin", "http://127.0.0.1:8000")
LENGTH = ("content-length", "20")


def refusal(*headers, method="GET", path="/state", query=""):
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode()}
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    found = ACCESS.refusal(Request(scope | {"headers": encoded}))
    return found and found[0]


def test_the_page_itself_is_let_in():
    assert refusal(HOST, COOKIE) is None
    assert refusal(("host", "localhost:8000"), COOKIE) is None
    assert refusal(HOST, COOKIE, ORIGIN, LENGTH, method="POST") is None
    assert refusal(HOST, path="/", query="token=secret") is None
    assert ACCESS.url == "http://127.0.0.1:8000/?token=secret"


@pytest.mark.parametrize(
    "host", ["evil.example:8000", "evil.example", "127.0.0.1", "127.0.0.1:8001", "[::1]:8000", ""]
)
def test_other_hosts_are_refused_as_dns_rebinding_sends_them(host):
    assert refusal(("host", host), COOKIE) == 421


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1:8000", "http://localhost:8000", ""],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_requests_of_other_sites_are_refused(origin, method):
    assert refusal(HOST, COOKIE, LENGTH, ("origin", origin), method=method) == 403
    assert refusal(HOST, COOKIE, LENGTH, method=method) == 403


@pytest.mark.parametrize("value", ["", "Secret", "secret ", "secretsecret", "s\xe9cret"])
def test_other_secrets_are_refused(value):
    assert refusal(HOST, ("cookie", f'{ACCESS.cookie}="{value}"')) == 401
    assert refusal(HOST, path="/", query=f"token={value}") == 401


def test_the_token_of_the_address_only_opens_the_page():
    assert refusal(HOST, path="/state", query="token=secret") == 401
    assert refusal(HOST, ORIGIN, LENGTH, path="/", query="token=secret", method="POST") == 401
    assert refusal(HOST, ("cookie", "twinlens_label_8001=secret")) == 401


@pytest.mark.parametrize(
    ("length", "status"),
    [(None, 411), ("-1", 411), ("²", 411), (str(MAX_BODY), None), (str(MAX_BODY + 1), 413)],
)
def test_long_requests_are_refused_before_they_are_read(length, status):
    headers = [] if length is None else [("content-length", length)]
    assert refusal(HOST, COOKIE, ORIGIN, *headers, method="POST") == status
    assert refusal(HOST, COOKIE, ORIGIN, ("content-length", "9" * 5000), method="POST") == 413
