import numpy as np
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.errors import UserError
from twinlens.inference import image_list
from twinlens.inference.image_list import decode_named


def find_images(images):
    return [image.place for image in image_list.find_images(images)]


def test_files_folders_and_patterns_are_found_in_order(draw, tmp_path, monkeypatch):
    a, b, c = (draw(tmp_path / name) for name in ("one/a.png", "one/two/b.jpg", "three/c.png"))
    (tmp_path / "one" / "notes.pdf").touch()
    assert find_images([c, tmp_path / "one"]) == [c, a, b]
    assert find_images([f"{tmp_path}/o*/?.png", tmp_path / "**" / "*.jpg"]) == [a, b]
    monkeypatch.chdir(tmp_path)
    assert [str(path) for path in find_images(["**/*.png"])] == ["one/a.png", "three/c.png"]


def test_a_file_whose_name_looks_like_a_pattern_is_itself(draw, tmp_path):
    odd = draw(tmp_path / "a[1].png")
    draw(tmp_path / "a1.png")
    assert find_images([odd]) == [odd]


@pytest.mark.parametrize("column", ["image", "file_name", "file"])
def test_a_table_names_files_from_its_folder(tmp_path, column):
    (tmp_path / "list.csv").write_text(f"age;{column}\n1;sub/a.png\n2;\n3;/b.png\n")
    assert find_images([tmp_path / "list.csv"]) == [tmp_path / "sub/a.png", tmp_path / "/b.png"]


def test_masks_beside_images_are_left_out_and_said(draw, tmp_path, capsys):
    for name in ("a.png", "a_mask.png", "b_mask.png"):
        draw(tmp_path / name)
    assert find_images([tmp_path]) == [tmp_path / "a.png"]
    assert "are left out, as their names say: 2, such as a_mask.png." in capsys.readouterr().err


def test_mistakes_are_sentences(tmp_path):
    with pytest.raises(UserError, match=r"none\.png does not exist"):
        find_images([tmp_path / "none.png"])
    for empty in (tmp_path, tmp_path / "*.png"):
        with pytest.raises(UserError, match="There are no image files in"):
            find_images([empty])
    (tmp_path / "list.csv").write_text("id,age\na,1\n")
    with pytest.raises(UserError, match=r"no column image, file_name or file .* are id, age"):
        find_images([tmp_path / "list.csv"])


def test_a_data_set_has_its_images_their_ids_and_groups(phantoms):
    data, found = open_dataset(phantoms), image_list.find_images(phantoms, "group")
    assert list(map(str, found)) == data.table["id"].tolist()
    assert [image.group for image in found] == data.table["group"].tolist()
    np.testing.assert_array_equal(decode_named(found[7].read()), data.images[7])


def test_tables_and_data_sets_have_groups_and_other_things_none(phantoms, tmp_path):
    (tmp_path / "list.csv").write_text("file,lesion\na.png,1\nb.png,\n")
    found = image_list.find_images(tmp_path / "list.csv", "lesion")
    assert [image.group for image in found] == ["1", None]
    with pytest.raises(UserError, match=r"list.csv has no column patient .* are file, lesion"):
        image_list.find_images(tmp_path / "list.csv", "patient")
    with pytest.raises(UserError, match="has no column lesion"):
        image_list.find_images(phantoms, "lesion")
    with pytest.raises(UserError, match="is neither a table nor a data set"):
        image_list.find_images(tmp_path, "lesion")


def test_a_data_set_without_images_is_named(dataset_of, tmp_path):
    dataset_of(tmp_path / "data", ["a", "b"])
    with pytest.raises(UserError, match="holds the table alone"):
        image_list.find_images(tmp_path / "data")
