import pytest

from twinlens.serving import limits
from twinlens.serving.limits import RateLimit


def test_a_bucket_is_refilled_steadily():
    now = 0.0
    bucket = RateLimit(rate=60, clock=lambda: now)
    for _ in range(60):
        assert bucket.wait("a") == 0
        bucket.count("a")
    assert bucket.wait("a") == pytest.approx(1)
    assert bucket.wait("b") == 0
    now = 0.25
    assert bucket.wait("a") == pytest.approx(0.75)
    now = 1.0
    assert bucket.wait("a") == 0
    bucket.count("a")
    assert bucket.wait("a") == pytest.approx(1)
    now = 1e6  # no more than a minute's events gather
    for _ in range(60):
        bucket.count("a")
    assert bucket.wait("a") == pytest.approx(1)


def test_clients_that_stay_away_are_forgotten(monkeypatch):
    monkeypatch.setattr(limits, "_CLIENTS", 3)
    bucket = RateLimit(rate=1, clock=lambda: 0.0)
    for client in "abcab":
        bucket.count(client)
    bucket.count("d")
    assert bucket.wait("c") == 0
    assert bucket.wait("a") > 0
