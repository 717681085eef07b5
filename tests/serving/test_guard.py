import pytest

from twinlens.serving.guard import OPEN

TOKEN = "correct-horse-battery-staple"


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("LOCALHOST:8000", 200), ("evil.example", 400), ("", 400),
     ("localhost.evil.example", 400), ("[::1", 400), ("a@localhost:x@evil.example", 400)],
)  # fmt: skip
def test_only_known_hosts_are_answered(client, host, status):
    assert client().get("/health", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost", 200), ("http://evil.example", 403), ("null", 403),
     ("http://localhost:9", 403)],
)  # fmt: skip
def test_pages_of_other_sites_are_not_answered(client, image, origin, status):
    files = {"images": image()}
    response = client().post("/predict", files=files, headers={"origin": origin})
    assert response.status_code == status
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("path", ["/", "/page.js", "/model", "/nowhere", "/predict"])
def test_every_response_has_the_headers_of_security(client, path):
    headers = client().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_a_failure_has_them_too(client, image):
    response = client().post("/predict", files={"images": image((0, 0, 0))})
    assert response.status_code == 500
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer wrong", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}".encode() + b"\xff", 401),
    ],
)
def test_a_server_with_a_token_wants_it(client, given, status):
    client = client(token=TOKEN)
    headers = {} if given is None else {"authorization": given}
    response = client.get("/model", headers=headers)
    assert response.status_code == status
    if status == 401:
        assert response.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in response.text


def test_a_token_guards_all_but_the_page_and_its_health(client, image):
    client = client(token=TOKEN)
    assert {path: client.get(path).status_code for path in OPEN} == dict.fromkeys(OPEN, 200)
    for path in ("/model", "/metrics", "/openapi.json", "/nowhere"):
        assert client.get(path).status_code == 401
    assert client.post("/predict", files={"images": image()}).status_code == 401


def test_guessing_tokens_is_slowed_down(client):
    client = client(token=TOKEN, bad_tokens=3)
    wrong, right = ({"authorization": f"Bearer {token}"} for token in ("guess", TOKEN))
    statuses = [client.get("/model", headers=wrong).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    response = client.get("/model", headers=right)  # which does not tell whether it was right
    assert response.status_code == 429
    assert 1 <= int(response.headers["retry-after"]) <= 20


def test_requests_over_the_rate_wait(client, image):
    client = client(rate=2)
    files = {"images": image()}
    responses = [client.post("/predict", files=files) for _ in range(3)]
    assert [each.status_code for each in responses] == [200, 200, 429]
    assert 1 <= int(responses[2].headers["retry-after"]) <= 30
    assert client.get("/health").status_code == 200
