"""What a browser would load and show of a page."""

from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

from twinlens.reporting.figures.figure_files import ReportFigure
from twinlens.reporting.figures.layout import Panel

VOID = {"meta", "img", "br", "line", "hr", "wbr"}


class Page(HTMLParser):
    """Collects what a browser would load and show, and checks that tags close in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.html = path.read_text(encoding="utf-8")
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.labels: list[str] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.feed(self.html)
        self.close()
        assert not self._open

    def runs_only_its_own_script(self) -> bool:
        """Whether the page's one script is ours, and its policy allows no other."""
        digest = b64encode(sha256("".join(self.scripts).encode()).digest()).decode()
        others = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        policy = f"{others}; script-src 'sha256-{digest}'"
        ours = (files("twinlens.reporting") / "templates/page.js").read_text(encoding="utf-8")
        return self.scripts == [ours] and f'content="{policy}"' in self.html

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "action", "srcset", "poster"):
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name == "aria-label":
                self.labels.append(value or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self._open[-1:] != ["style"]:
            self.words.append(data)


def drawing(*panels: Panel) -> str:
    """Return panels as a page shows them."""
    return ReportFigure("figure", panels).__html__()
