"""The font of PDF files: matplotlib's DejaVu Sans without the tables that lay text out.

matplotlib embeds in each PDF file the letters it uses, and spends most of its time on reducing
tables of ligatures and scripts that no figure needs. Without them a file takes half the time.
"""

import atexit
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import matplotlib as mpl
from fontTools.ttLib import TTFont
from matplotlib.font_manager import fontManager

_FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
_LAYOUT = ("GDEF", "GPOS", "GSUB", "MATH")
_FAMILY = (1, 16)  # entries of a font's table of names


@cache
def embedded_family() -> str:
    """Make the font's files, once in a process, and return their family for matplotlib."""
    family, folder = "DejaVu Sans without layout", Path(mkdtemp(prefix="twinlens-fonts-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    for name in _FILES:
        font = TTFont(Path(mpl.get_data_path(), "fonts", "ttf", name), recalcTimestamp=False)
        for table in set(_LAYOUT) & set(font.keys()):
            del font[table]
        for entry in font["name"].names:
            if entry.nameID in _FAMILY:
                entry.string = family
        font.save(folder / name)
        fontManager.addfont(folder / name)
    return family
