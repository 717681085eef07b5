"""The page for people, in Chromium."""

import shutil

import pytest

pytestmark = pytest.mark.browser

sync_api = pytest.importorskip("playwright.sync_api")
sync_api.expect.set_options(timeout=20_000)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, run_server):
    """A function that opens the page; every request to elsewhere and every script error fails."""
    contexts, faults, servers = [], [], []

    def open_page(token=None, **options):
        server = run_server(token=token)
        servers.append(server)
        address = server.__enter__()
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("request", lambda sent: sent.url.startswith((address, "data:", "blob:")) or
                faults.append(sent.url))  # fmt: skip
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console", lambda said: "Content Security" in said.text and faults.append(said.text)
        )
        page.on("filechooser", lambda _: None)  # from now on, so that none comes too early
        page.goto(address)
        return page

    yield open_page
    for each in contexts:
        each.close()
    for each in servers:
        each.__exit__(None, None, None)
    assert not faults


def upload(page, content, name="photo.png"):
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": content})


def test_an_upload_shows_the_whole_answer(visit, image):
    page = visit()
    expect = sync_api.expect
    expect(page.locator("#about")).to_contain_text("Melanoma, Nevus, <b>DF</b>")
    upload(page, image((150, 100, 0)))
    expect(page.locator("#answer")).to_have_text("Melanoma60.0 %")
    expect(page.locator("#groups")).to_have_text("malignant 60.0 %benign 40.0 %")
    expect(page.locator("#set")).to_have_text("Plausible (90 % coverage): Melanoma or Nevus.")
    expect(page.locator("#classes li")).to_have_count(3)
    expect(page.locator("#classes li").last).to_contain_text("<b>DF</b> benign")  # escaped
    expect(page.locator("#cases li")).to_have_count(6)
    expect(page.locator("#cases li").nth(1)).to_contain_text("case 1distance 0.10")
    expect(page.locator("#heat")).to_be_visible()
    expect(page.locator("#unlike")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("Most probable: Melanoma, 60.0 %.")
    expect(page.locator("footer")).to_contain_text("Not a medical device.")
    page.locator("#overlay").uncheck()
    expect(page.locator("#heat")).to_be_hidden()
    upload(page, image((1, 1, 255)))
    expect(page.locator("#unlike")).to_be_visible()
    expect(page.locator("#status")).to_contain_text("Warning: unlike the training images.")


def test_a_broken_file_is_told_and_the_next_one_answered(visit, image):
    page = visit()
    upload(page, b"no image", "photo.png")
    error = page.locator("#error")
    sync_api.expect(error).to_have_text("The image cannot be used: not an image in a known format.")
    sync_api.expect(page.locator("#result")).to_be_hidden()
    sync_api.expect(page.locator("#empty")).to_be_visible()
    upload(page, image())
    sync_api.expect(page.locator("#result")).to_be_visible()
    sync_api.expect(error).to_be_hidden()


def test_a_file_of_50_mb_is_refused_and_not_sent(visit, tmp_path):
    page, sent = visit(), []
    page.on("request", lambda request: sent.append(request.url))
    (tmp_path / "large.png").write_bytes(bytes(50_000_000))
    page.set_input_files("#file", tmp_path / "large.png")
    sync_api.expect(page.locator("#error")).to_have_text(
        "This file has 50 MB; the server takes up to 20 MB."
    )
    assert not [url for url in sent if "predict" in url]


def _give(page, kind, content):
    """Drop or paste an image."""
    page.evaluate(
        """([kind, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "a.png", {type: "image/png"}));
            const options = {dataTransfer: data, clipboardData: data, bubbles: true};
            const Kind = kind === "drop" ? DragEvent : ClipboardEvent;
            document.getElementById("drop").dispatchEvent(new Kind(kind, options));
        }""",
        [kind, [*content]],
    )


def test_an_image_is_dropped_or_pasted(visit, image):
    page = visit()
    _give(page, "drop", image((9, 200, 9)))
    sync_api.expect(page.locator("#answer")).to_contain_text("Nevus")
    _give(page, "paste", image((200, 9, 9)))
    sync_api.expect(page.locator("#answer")).to_contain_text("Melanoma")


def test_an_image_may_come_before_the_page_knows_its_model(visit, image):
    page, held = visit(), []
    page.route("**/model", lambda route: held.append(route))  # it takes no builtin
    page.reload()
    _give(page, "drop", image((9, 200, 9)))
    sync_api.expect(page.locator("#shown")).to_be_visible()
    sync_api.expect(page.locator("#error")).to_be_empty()
    held[0].continue_()
    sync_api.expect(page.locator("#answer")).to_contain_text("Nevus")


def test_the_page_works_by_keyboard_alone(visit, image, tmp_path):
    page = visit()
    sync_api.expect(page.locator("#about")).to_contain_text("Melanoma")
    (tmp_path / "a.png").write_bytes(image())
    reached = []
    for _ in range(3):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert reached == ["SUMMARY", "A", "choose"]
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(tmp_path / "a.png")
    sync_api.expect(page.locator("#result")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "take"
    with page.expect_file_chooser():
        page.keyboard.press("Space")
    assert page.get_attribute("#camera", "capture") == "environment"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "overlay"
    page.keyboard.press("Space")
    sync_api.expect(page.locator("#heat")).to_be_hidden()


def test_a_token_unlocks_the_page(visit, image):
    page = visit(token="correct-horse-battery-staple")
    page.locator("#token").fill("wrong")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#error")).to_contain_text("needs its token")
    page.locator("#token").fill("correct-horse-battery-staple")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#key")).to_be_hidden()
    upload(page, image())
    sync_api.expect(page.locator("#result")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_nothing_serious_and_nothing_sticks_out(visit, image, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(color_scheme=scheme, viewport={"width": width, "height": 800})
    sync_api.expect(page.locator("#about")).to_contain_text("Melanoma")
    for colour in (None, (1, 1, 255)):  # the second with the warning
        if colour:
            upload(page, image(colour))
            sync_api.expect(page.locator("#unlike")).to_be_visible()
        found = axe.run(page).response["violations"]
        assert [each["id"] for each in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
