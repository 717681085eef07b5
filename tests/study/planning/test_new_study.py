import pytest

from twinlens.data.class_subset import open_task
from twinlens.data.splits import write_split
from twinlens.errors import UserError
from twinlens.records.split import ImportedSplit
from twinlens.study.planning.config import read_study
from twinlens.study.planning.new_study import init
from twinlens.study.planning.validate import check


def test_the_study_file_fits_the_data_set_and_can_be_run(tmp_path, phantoms):
    path = init(phantoms, tmp_path / "study.yaml")
    study = read_study(path, [])
    assert (study.data, study.encoder, study.reference) == (str(phantoms), "resnet18", "random")
    assert study.label_fractions[0] == 1.0
    text = path.read_text()
    assert "the images have 32 pixels" in text
    assert f"twinlens compare {path} --out results" in text


def test_a_file_is_replaced_only_if_asked(tmp_path, phantoms):
    path = tmp_path / "study.yaml"
    path.write_text("mine")
    with pytest.raises(UserError, match="exists already: choose another --out"):
        init(phantoms, path)
    assert path.read_text() == "mine"
    init(phantoms, path, overwrite=True)
    assert "arms:" in path.read_text()


def test_without_labels_there_is_nothing_to_compare(tmp_path, dataset_of):
    data = dataset_of(tmp_path / "data", [None] * 60)
    write_split(data.path, "bare", ["unlabelled"] * 60, ImportedSplit())
    with pytest.raises(UserError, match="no labelled training images"):
        init(data.path, tmp_path / "study.yaml")
    assert not (tmp_path / "study.yaml").exists()


def test_what_it_writes_passes_the_checks_of_compare(tmp_path, phantoms):
    study = read_study(init(phantoms, tmp_path / "study.yaml"), [])
    data, split = open_task(phantoms)
    check(study, data, split)
    smallest = min(study.label_fractions) * len(split.rows["train"])
    assert study.training("random").batch_size in (16, 32)
    assert study.training("random").batch_size <= smallest
    assert study.pretraining("random + Barlow Twins").batch_size == 64
