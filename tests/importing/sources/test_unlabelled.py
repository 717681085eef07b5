import pytest

from twinlens.errors import UserError
from twinlens.importing.source import Options
from twinlens.importing.sources import unlabelled


def test_unlabelled_images_have_no_label(class_folder):
    assert unlabelled.detect(str(class_folder))
    table = unlabelled.read(str(class_folder), Options()).table
    assert len(table) == 6
    assert table["label"].isna().all()
    assert set(table["split"]) == {"unlabelled"}


def test_a_folder_without_images_is_refused(tmp_path):
    assert not unlabelled.detect(str(tmp_path))
    with pytest.raises(UserError, match="not a folder with images"):
        unlabelled.read(str(tmp_path), Options())
