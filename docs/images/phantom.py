"""Draw docs/images/phantom.png: python docs/images/phantom.py from the repository."""

from itertools import count, islice
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from twinlens.importing.formats.classes import ISIC_CLASSES
from twinlens.phantom.generate import lesion_label, phantom_image

SEED, SIZE, GAP, LESIONS, PHOTOGRAPHS = 0, 92, 4, 6, 3
HEADING = 22


def main() -> None:
    """Draw the first lesions of each class; the last one three times."""
    step = SIZE + GAP
    columns = LESIONS + PHOTOGRAPHS - 1
    width, height = columns * step + 4 * GAP, len(ISIC_CLASSES) * (step + HEADING)
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (name, info) in enumerate(ISIC_CLASSES.items()):
        top = row * (step + HEADING)
        title = f"{name}  {info['title']} (synthetic)"
        draw.text((GAP, top + 4), title, fill="black", font=ImageFont.load_default(14))
        lesions = list(islice((i for i in count() if lesion_label(SEED, i) == name), LESIONS))
        shots = [(lesion, 0) for lesion in lesions]
        shots += [(lesions[-1], photo) for photo in range(1, PHOTOGRAPHS)]
        for column, (lesion, photo) in enumerate(shots):
            left = column * step + GAP + (2 * GAP if column >= LESIONS - 1 else 0)
            image = phantom_image(SEED, lesion, photo, size=SIZE)
            sheet.paste(Image.fromarray(image), (left, top + HEADING))
    palette = sheet.quantize(256, dither=Image.Dither.NONE)
    palette.save(Path(__file__).with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    main()
