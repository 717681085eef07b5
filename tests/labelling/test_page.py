"""The page in Chromium: labelling by keyboard, reload in the middle, accessibility."""

import shutil

import pytest

from twinlens.labelling.answers import Answers

sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("uvicorn")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        path = shutil.which("chromium")
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


@pytest.fixture
def open_page(chromium):
    """A function that opens an address; afterwards nothing may have gone wrong on the page."""
    pages, problems = [], []

    def visit(address, **options):
        page = chromium.new_context(**options).new_page()
        page.on("pageerror", lambda error: problems.append(error.message))
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        page.goto(address)
        pages.append(page)
        return page

    yield visit
    for page in pages:
        page.context.close()
    assert problems == []


def ready(page):
    sync_api.expect(page.locator("#viewer")).to_have_attribute("aria-busy", "false")


def press(page, key, *, done):
    ready(page)
    page.keyboard.press(key)
    sync_api.expect(page.locator("#count")).to_have_text(f"{done} of 4")


def test_labelling_by_keyboard_with_undo_and_a_reload_in_the_middle(
    serving, open_page, data, tmp_path
):
    with serving() as (_, address):
        page = open_page(address)
        assert "token" not in page.url
        press(page, "2", done=1)  # melanoma is 1, nevus 2
        sync_api.expect(page.get_by_role("status")).to_have_text("Saved: nevus.")
        press(page, "1", done=2)
        press(page, "z", done=1)
        press(page, "0", done=2)
        page.reload()
        sync_api.expect(page.locator("#count")).to_have_text("2 of 4")
        sync_api.expect(page.locator("#name")).to_have_text("photos/5.png")
        press(page, "Backspace", done=1)
        press(page, "0", done=2)
        press(page, "1", done=3)
    with serving() as (_, address):  # another day
        page = open_page(address)
        sync_api.expect(page.locator("#name")).to_have_text("photos/3.png")
        press(page, "2", done=4)
        sync_api.expect(page.get_by_role("heading", name="All images are labelled")).to_be_visible()
        press(page, "z", done=3)
        press(page, "2", done=4)
    answers = Answers(tmp_path / "labels.sqlite", data)
    found = [answer.label for answer in answers.given().values()]
    answers.close()
    assert found == ["nevus", None, "melanoma", "nevus"]


def test_a_key_that_is_held_answers_once_and_others_do_nothing(serving, open_page):
    with serving() as (_, address):
        page = open_page(address)
        ready(page)
        page.keyboard.down("1")
        sync_api.expect(page.locator("#count")).to_have_text("1 of 4")
        ready(page)
        page.keyboard.down("1")  # as the keyboard repeats it
        for key in ("9", "q", "Control+1", "Alt+2"):
            page.keyboard.press(key)
        page.wait_for_timeout(300)
        sync_api.expect(page.locator("#count")).to_have_text("1 of 4")


def test_zoom_keeps_the_image_in_its_frame(serving, open_page):
    with serving() as (_, address):
        page = open_page(address)
        ready(page)
        viewer = page.locator("#viewer")
        inside = "v => [v.scrollWidth - v.clientWidth, v.scrollHeight - v.clientHeight]"
        assert viewer.evaluate(inside) == [0, 0]
        page.keyboard.press("+")
        sync_api.expect(page.locator("#zoom")).to_have_text("150 %")
        page.keyboard.press("ArrowRight")
        assert min(viewer.evaluate(inside)) > 50
        page.keyboard.press("-")
        assert viewer.evaluate(inside) == [0, 0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_overflows(serving, open_page, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with serving("--show-predictions") as (_, address):
        page = open_page(address, color_scheme=scheme, viewport={"width": width, "height": 800})
        ready(page)
        sync_api.expect(page.get_by_text("The model predicts nevus 0.7500")).to_be_visible()
        for finished in (False, True):
            for number in range(4 if finished else 0):
                press(page, "1", done=number + 1)
            assert page.locator("#finished").is_visible() == finished
            found = axe.run(page).response["violations"]
            assert [(item["id"], item["impact"]) for item in found] == []
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wide) == 0
