"""Photograph the page of `twinlens serve`, on a desktop and on a phone, with a real answer.

    python docs/images/serving.py MODEL DATASET

MODEL was trained on phantom images, DATASET; the image that is classified is a new lesion. Writes
serving.png and serving-phone.png beside this file.
"""

import re
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from twinlens.phantom.generate import phantom_image

LESION = 90_007
VIEWS = {
    "serving": {"viewport": {"width": 1060, "height": 980}},
    "serving-phone": {"viewport": {"width": 390, "height": 1120}},
}


def main(model: str, dataset: str) -> None:
    """Serve the model, and photograph the page."""
    buffer = BytesIO()
    Image.fromarray(phantom_image(0, LESION, 0, size=640)).save(buffer, "PNG")
    photo = {"name": "photo.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    command = [sys.executable, "-m", "twinlens.cli", "serve", model, "--cases", dataset]
    process = subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True)
    address = re.search(r"http://[\d.:]+", process.stderr.readline())[0]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            for name, options in VIEWS.items():
                page = browser.new_context(**options).new_page()
                page.goto(address)
                page.set_input_files("#file", photo)
                page.wait_for_selector("#answer:visible")
                _save(page.screenshot(), Path(__file__).with_name(f"{name}.png"))
    finally:
        process.terminate()


def _save(content: bytes, path: Path) -> None:
    """Save a screenshot in few colours, which a page has."""
    image = Image.open(BytesIO(content)).convert("RGB")
    image.quantize(256, kmeans=1).save(path, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
