import numpy as np
import pandas as pd
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.importing.import_images import import_images
from twinlens.pretraining.partners import Partners
from twinlens.pretraining.pretrain import pretrain
from twinlens.records.run import read_run

GROUPS = ["a", "b", "a", "c", "b", "a", "c", "d"]  # the pretraining does not see the last c
SEEN = np.array([0, 1, 2, 3, 4, 5, 7])


@pytest.fixture
def data(dataset_of, tmp_path):
    return dataset_of(tmp_path / "data", ["x"] * 8, GROUPS)


def test_a_partner_is_another_image_of_the_group_that_the_pretraining_sees(data):
    partners = Partners(data, SEEN)
    assert partners.paired == 5
    found = np.stack([partners.of(SEEN, seed=3, step=step) for step in range(400)])
    assert {*found[:, 0]} == {2, 5}
    assert {*found[:, 2]} == {0, 5}
    assert (found[:, [1, 4]] == [4, 1]).all()
    assert (found[:, [3, 6]] == [3, 7]).all()  # alone: itself
    assert 140 < (found[:, 0] == 2).sum() < 260


def test_a_partner_depends_on_seed_step_and_row_alone(data):
    partners, order = Partners(data, SEEN), np.array([5, 0, 7, 2])
    whole = dict(zip(SEEN, partners.of(SEEN, seed=1, step=7), strict=True))
    assert partners.of(order, seed=1, step=7).tolist() == [whole[row] for row in order]
    steps = [partners.of(order, seed=1, step=step).tolist() for step in range(9)]
    assert [partners.of(order, seed=1, step=step).tolist() for step in range(9)] == steps
    assert [partners.of(order, seed=2, step=step).tolist() for step in range(9)] != steps


@pytest.mark.parametrize("seen", [[0, 1, 3, 7], [7]])
def test_without_two_images_of_a_group_there_are_no_pairs(data, seen):
    with pytest.raises(UserError, match=r"no lesion or patient of .*data has two of the images"):
        Partners(data, np.array(seen))


def test_a_run_says_how_many_images_had_a_partner(phantoms, tmp_path):
    settings = {"epochs": 0, "projector": [8], "batch_size": 32, "monitor_points": 0}
    how = {"encoder": "resnet18_quarter", "device": "cpu", "images": "train"}
    runs = [
        pretrain(phantoms, tmp_path / pair, settings=settings | {"pair": pair}, **how)
        for pair in ("image", "group")
    ]
    alone, paired = map(read_run, runs)
    data = open_dataset(phantoms)
    groups = data.table["group"].iloc[open_split(data).rows["train"]]
    assert alone.paired is None
    assert paired.paired == groups.duplicated(keep=False).sum() > 0
    assert "| pairs | two images of one lesion" in (runs[1] / "README.md").read_text()
    losses = [pd.read_parquet(run / "history.parquet")["loss"] for run in runs]
    assert (losses[0] != losses[1]).all()


def test_a_data_set_without_groups_is_refused_before_anything_is_written(draw, tmp_path):
    for number in range(4):
        draw(tmp_path / "photos" / f"{number}.png", number)
    import_images(tmp_path / "photos", tmp_path / "data", size=16, workers=1)
    with pytest.raises(UserError, match="import it with --group, or leave pair out"):
        pretrain(
            tmp_path / "data", tmp_path / "run", encoder="resnet18_quarter", device="cpu",
            settings={"pair": "group"},
        )  # fmt: skip
    assert not [*tmp_path.glob("run*")]
