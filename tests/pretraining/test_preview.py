import numpy as np
import pytest
from PIL import Image

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split, write_split
from twinlens.errors import UserError
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.pretrain import pretrain
from twinlens.pretraining.preview import show_views
from twinlens.records.split import ImportedSplit
from twinlens.views import view as view_module
from twinlens.views.operations.operation import WithProbability
from twinlens.views.recipe import ViewRecipe

STILL = {"crop": {"scale": [1, 1]}} | {
    name: {"p": 0}
    for name, operation in ViewRecipe().operations().items()
    if isinstance(operation, WithProbability)
}

SIDE, STEP = 32, 32 + 4  # of the phantoms, and with the gap between them


def lines(path):
    """Cut a picture into its three lines: uint8, shape (3, images, side, side, 3)."""
    picture = np.asarray(Image.open(path))
    corners = range(0, picture.shape[1], STEP)
    return np.stack(
        [[picture[t : t + SIDE, c : c + SIDE] for c in corners] for t in (0, STEP, 2 * STEP)]
    )


def test_a_column_is_an_image_and_its_two_views(phantoms, tmp_path):
    path = show_views(phantoms, tmp_path / "new" / "views.png")
    assert path == tmp_path / "new" / "views.png"
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (8 * STEP - 4, 3 * STEP - 4))
    images, first, second = lines(path).astype(int)
    data = open_dataset(phantoms)
    split = open_split(data)
    seen = {
        data.images[row].tobytes() for part in ("train", "unlabelled") for row in split.rows[part]
    }
    assert {image.astype(np.uint8).tobytes() for image in images} <= seen
    assert len({image.tobytes() for image in images}) == 8
    for views in (first, second, first - second + images):
        assert (np.abs(views - images).mean((1, 2, 3)) > 1).all()
    assert [*path.parent.iterdir()] == [path]


def test_the_views_are_those_of_a_runs_first_step(phantoms, tmp_path, monkeypatch):
    made, batch_size = [], 13

    def watched(images, rows, **key):
        views = view(images, rows, **key)
        if len(rows) == batch_size:
            made.append(views)
        if len(made) == 2:
            raise KeyboardInterrupt
        return views

    settings = {"batch_size": batch_size, "projector": [8], "projector_epochs": 0}
    settings |= {"lr": 1e-3, "precision": "fp32", "monitor_points": 0}
    show_views(phantoms, tmp_path / "views.png", settings=settings, seed=5, count=4)
    view = view_module.view
    monkeypatch.setattr(view_module, "view", watched)
    with pytest.raises(KeyboardInterrupt):
        pretrain(
            phantoms,
            tmp_path / "run",
            encoder="resnet18_quarter",
            settings=settings,
            seed=5,
            device="cpu",
        )
    for shown, views in zip(lines(tmp_path / "views.png")[1:], made, strict=True):
        expected = views[:4].permute(0, 2, 3, 1).numpy() * 255
        assert np.abs(shown - expected).max() < 1


def test_settings_and_seed_decide_what_is_shown(phantoms, tmp_path):
    def shown(name, **options):
        return lines(show_views(phantoms, tmp_path / f"{name}.png", **options))

    robust, again, other = shown("a"), shown("b"), shown("c", seed=1)
    assert np.array_equal(robust, again)
    assert not np.array_equal(robust[0], other[0])
    images, first, second = shown("d", settings={"view_changes": STILL}).astype(int)
    assert max(np.abs(first - images).max(), np.abs(second - images).max()) <= 1
    assert not np.array_equal(shown("e", preset="paper")[1:], robust[1:])


def test_of_a_group_the_second_view_shows_another_image(phantoms, tmp_path):
    settings = {"view_changes": STILL, "pair": "group", "method": "simclr"}
    path = show_views(phantoms, tmp_path / "views.png", settings=settings, count=30)
    images, first, second = lines(path)
    data = open_dataset(phantoms)
    rows = {data.images[row].tobytes(): row for row in range(len(data.images))}
    groups, differing = data.table["group"].to_numpy(), 0
    for image, own, partner in zip(images, first, second, strict=True):
        assert np.abs(own.astype(int) - image).max() <= 1
        row, other = rows[image.tobytes()], rows[partner.tobytes()]
        alone = (groups[IMAGES["unlabelled"].rows(open_split(data))] == groups[row]).sum() == 1
        assert groups[row] == groups[other]
        assert (row == other) == alone
        differing += row != other
    assert differing


def test_only_the_images_that_were_chosen_are_shown(phantoms, tmp_path):
    data = open_dataset(phantoms)
    rows = open_split(data).rows["train"]
    path = show_views(phantoms, tmp_path / "views.png", images="train", count=10_000)
    shown = {image.tobytes() for image in lines(path)[0]}
    assert shown == {data.images[row].tobytes() for row in rows}


def test_a_file_is_replaced_on_demand_alone(phantoms, tmp_path):
    path = tmp_path / "photo.PNG"
    path.write_bytes(b"a photograph")
    with pytest.raises(UserError, match=r"photo\.PNG exists already: .*--overwrite"):
        show_views(phantoms, path)
    assert path.read_bytes() == b"a photograph"
    show_views(phantoms, path, overwrite=True)
    assert len(lines(path)) == 3


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"path": "notes.txt", "overwrite": True}, r"notes\.txt does not end in \.png"),
        ({"path": "."}, "is a folder: name the picture"),
        ({"count": 0}, "--count 0.*1 or more"),
        ({"images": "test"}, "Unknown choice of images 'test'.*train, unlabelled"),
        ({"preset": "papper"}, "Unknown preset 'papper'. Did you mean 'paper'"),
        ({"split": "mine"}, "Unknown split 'mine'.*imported"),
        ({"settings": {"views": "strange"}}, "Unknown recipe of views 'strange'.*recommended"),
        ({"settings": {"view_changes": {"blurr": 0}}}, "Unknown key 'blurr'. Did you mean 'blur'"),
        ({"settings": {"method": "mae", "pair": "group"}}, "'pair' is wrong"),
        ({"settings": {"epoch": 3}}, "Unknown key 'epoch'. Did you mean 'epochs'"),
    ],
)
def test_mistakes_are_sentences_and_write_nothing(phantoms, tmp_path, wrong, sentence):
    (tmp_path / "notes.txt").write_text("mine")
    path = tmp_path / wrong.pop("path", "views.png")
    with pytest.raises(UserError, match=sentence):
        show_views(phantoms, path, **wrong)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_split_without_images_to_pretrain_on_is_explained(dataset_of, tmp_path):
    data = dataset_of(tmp_path / "data", ["a", "b"])
    write_split(data.path, "tested", ["test", "test"], ImportedSplit())
    with pytest.raises(UserError, match="There are no images"):
        show_views(data.path, tmp_path / "views.png")
