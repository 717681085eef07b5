import subprocess
import sys

from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.titles import SEEN


def test_every_choice_of_images_is_said_in_words():
    assert SEEN.keys() == IMAGES.keys()


def test_words_for_reports_load_neither_torch_nor_pandas():
    code = "import sys, twinlens.pretraining.titles; print({'torch', 'pandas'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
