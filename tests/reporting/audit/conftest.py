from pathlib import Path

import pytest
from html_page import Page

import twinlens


@pytest.fixture
def page(leaking: Path) -> Page:
    twinlens.audit(leaking)
    return Page(leaking / "audit" / "audit.html")
