"""Draw docs/images/textures.png: python docs/images/textures.py from the repository."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from twinlens.phantom.textures import TEXTURES, texture_image

SIZE, ENLARGED, GAP, COLUMNS, NAMES = 32, 72, 4, 11, 76


def main() -> None:
    """Draw the same spots with each texture in turn."""
    step = ENLARGED + GAP
    sheet = Image.new("RGB", (NAMES + COLUMNS * step, len(TEXTURES) * step), "white")
    draw = ImageDraw.Draw(sheet)
    for row, texture in enumerate(TEXTURES):
        text = ImageFont.load_default(13)
        draw.text((2, row * step + ENLARGED // 2 - 8), texture, fill="black", font=text)
        for column in range(COLUMNS):
            image = Image.fromarray(texture_image(0, column, label=texture, size=SIZE))
            enlarged = image.resize((ENLARGED, ENLARGED), Image.Resampling.NEAREST)
            sheet.paste(enlarged, (NAMES + column * step, row * step))
    palette = sheet.quantize(128, dither=Image.Dither.NONE)
    palette.save(Path(__file__).with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    main()
