import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import twinlens
from twinlens import cli
from twinlens.data.groups import LINKS
from twinlens.data.splits import open_split, write_split
from twinlens.errors import UserError
from twinlens.records.split import ImportedSplit
from twinlens.splitting.split import split


@pytest.fixture
def data(tmp_path, dataset_of):
    """80 images of two classes in groups of two, at two sites."""
    number = np.arange(80)
    labels = np.array(["mel", "nv"])[number // 2 % 2]
    groups = [f"g{n // 2}" for n in number]
    return dataset_of(tmp_path / "data", labels, groups, site=np.array(["a", "b"])[number // 4 % 2])


def run(*words):
    """Run the command line, as far as a command's own output goes."""
    result = CliRunner().invoke(cli.app, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_one_split_or_several_are_a_list(data):
    assert [each.name for each in twinlens.split(data.path)] == ["val0.1-test0.2-seed0"]
    assert len(split(data.path, folds=4)) == 4
    repeated = split(data.path, repeats=3, seed=7, per_class=5)
    assert [each.name for each in repeated] == [
        f"per5-val0.1-test0.2-seed{seed}" for seed in (7, 8, 9)
    ]
    assert [each.record.method.seed for each in repeated] == [7, 8, 9]
    assert len({each.hash for each in repeated}) == 3
    alone = split(data.path, per_class=5, seed=8, name="alone")[0]
    assert alone.hash == repeated[1].hash
    named = split(data.path, repeats=2, name="mine")
    assert [each.name for each in named] == ["mine-seed0", "mine-seed1"]


def test_the_same_call_gives_the_same_splits(data):
    for arguments in ({"folds": 3}, {"repeats": 2}, {"hold_out": "site", "val": 0}):
        first = split(data.path, **arguments)
        assert [each.record for each in split(data.path, **arguments)] == [
            each.record for each in first
        ]


def test_names_are_checked_before_anything_is_written(data):
    write_split(data.path, "cv-fold3", ["unlabelled"] * 80, ImportedSplit())
    with pytest.raises(UserError, match=r"'cv-fold3' .* was made otherwise \(.*kind: imported"):
        split(data.path, folds=3, name="cv")
    assert [path.stem for path in (data.path / "splits").glob("*.json")] == ["cv-fold3"]


def test_a_draw_that_fails_leaves_nothing_behind(tmp_path, dataset_of):
    """Held out, the second value leaves nothing to train on; the first would work."""
    groups = ["p", "p", "q", "r"]
    dataset = dataset_of(tmp_path / "data", ["x"] * 4, groups, site=["a", "b", "b", "b"])
    with pytest.raises(UserError, match="--hold-out site=b leaves no labelled image"):
        split(dataset.path, hold_out="site", val=0)
    assert not (dataset.path / "splits").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"preset": "paper", "test": 0.2}, "--preset and --test exclude each other"),
        ({"preset": "paper", "folds": 5}, "--preset and --folds exclude each other"),
        ({"folds": 5, "hold_out": "site"}, "--folds and --hold-out exclude each other"),
        ({"folds": 5, "test": 0.2}, "--folds and --test exclude each other"),
        ({"hold_out": "site", "repeats": 2}, "--hold-out and --repeats exclude each other"),
        ({"extend": "x", "per_class": 5}, "--extend and --per-class exclude each other"),
        ({"folds": 1}, "--folds 1 must be 2 or more"),
        ({"repeats": 0}, "--repeats 0 must be 1 or more"),
        ({"folds": 5, "val": 1.0}, "leave some for train"),
        ({"hold_out": "site=a", "per_class": 0}, "--per-class 0 must be 1 or more"),
        ({"preset": "papr"}, "Unknown preset 'papr'. Did you mean 'paper'"),
    ],
)
def test_options_that_exclude_each_other_or_make_no_sense_are_refused(data, arguments, words):
    with pytest.raises(UserError, match=words):
        split(data.path, **arguments)


def test_no_image_is_ever_read(data):
    assert data.table_only  # to look at its images raises an error
    split(data.path, folds=2)


def test_a_split_from_before_the_data_set_grew_is_not_given_out_again(data, dataset_of):
    split(data.path, name="old")
    labels, groups = data.table["label"], data.table["group"]
    dataset_of(data.path, [*labels, None], [*groups, "new"])
    with pytest.raises(
        UserError, match=r"'old' is from before .* grew: extend it with --extend old"
    ):
        split(data.path, name="old")


def test_nor_is_one_from_before_more_of_the_images_had_labels(tmp_path, dataset_of):
    labels, groups = ["mel", "nv"] * 20, [f"g{n}" for n in range(40)]
    split(dataset_of(tmp_path, [*labels[:39], None], groups).path, name="old")
    grown = dataset_of(tmp_path, labels, groups)
    with pytest.raises(UserError, match=r"'old' is from before .* grew: extend it"):
        split(grown.path, name="old")


def test_near_duplicates_stay_on_one_side_and_are_part_of_how_it_was_made(data, capsys):
    before = split(data.path, name="before")[0]
    random = np.random.default_rng(0)
    links = pd.DataFrame(random.choice(data.table["id"], (15, 2)), columns=["a", "b"])
    (data.path / LINKS).parent.mkdir()
    links.to_parquet(data.path / LINKS)
    for made in (*split(data.path, name="after"), *split(data.path, folds=3)):
        side = pd.Series("train", index=data.table["id"])
        for part in ("val", "test"):
            side.iloc[made.rows[part]] = part
        assert (side[links["a"]].to_numpy() == side[links["b"]].to_numpy()).all()
        assert "15 near-duplicate links of the audit merge groups." in made.record.notes
        assert made.record.method.links.count == 15
    assert before.record.method.links is None
    assert split(data.path, name="before")[0].hash == before.hash
    assert "'before' stays as it is, though an audit has linked" in capsys.readouterr().err


def test_the_command_prints_the_counts_of_one_split(data):
    out = run("split", data.path, "--name", "one", "--val", "0")
    assert f"Split 'one' of {data.path}, hash {open_split(data, 'one').hash[:12]}\n" in out
    assert "  train           64   mel 32, nv 32\n" in out


def test_the_command_prints_a_line_for_each_of_many_and_each_note_once(tmp_path, dataset_of):
    dataset = dataset_of(tmp_path / "data", ["a"] * 6 + ["b"] * 2)
    out = run("split", dataset.path, "--folds", "3", "--val", "0", "--name", "cv")
    lines = out.splitlines()
    starts = ["cv-fold1: train 5, val 0, test 3", "cv-fold2: train 5", "cv-fold3: train 6"]
    found = [line for line in lines if line.startswith("cv-fold")]
    assert all(line.startswith(start) for line, start in zip(found, starts, strict=True))
    assert sum("Class 'b' is in 2 groups of images only" in line for line in lines) == 1


def test_links_within_a_group_merge_nothing_and_are_not_told(data, capsys):
    ids = data.table["id"]
    split(data.path)
    (data.path / LINKS).parent.mkdir()
    pd.DataFrame({"a": [ids[0]], "b": [ids[1]]}).to_parquet(data.path / LINKS)
    split(data.path)
    assert "has linked other images since" not in capsys.readouterr().err
    pd.DataFrame({"a": [ids[0]], "b": [ids[2]]}).to_parquet(data.path / LINKS)
    split(data.path)
    assert "has linked other images since" in capsys.readouterr().err
