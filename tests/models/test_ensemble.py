import pytest

from twinlens.errors import UserError
from twinlens.models.bundle import save_bundle
from twinlens.models.encoders import build_encoder
from twinlens.models.ensemble import (
    average_bundles,
    read_members,
    read_prediction_sets,
    read_temperature,
    write_ensemble,
)
from twinlens.models.heads import classifier
from twinlens.records.bundle import VERSION, EnsembleInfo, ModelChoice, PredictionSets

CHOICE = ModelChoice(
    ensemble="seeds",
    run=None,
    arm="a",
    seed=None,
    label_fraction=1.0,
    metric="balanced_accuracy",
    members=["one", "two"],
    val=0.5,
)


@pytest.fixture
def bundle(tiny, make_info, tmp_path):
    def save(name, **changes):
        encoder, head = build_encoder(tiny, seed=0), classifier(4, 2, seed=0)
        save_bundle(tmp_path / name, encoder, head, make_info(**changes))
        return tmp_path / name

    return save


@pytest.fixture
def folder(bundle, tmp_path):
    members = {"one": bundle("a"), "two": bundle("b", seed=1)}
    write_ensemble(tmp_path / "ensemble", members, CHOICE)
    return tmp_path / "ensemble"


def test_an_ensemble_is_its_members(folder):
    members = read_members(folder)
    assert [path.name for path in members] == ["one", "two"]
    assert members[folder / "members" / "two"].provenance.seed == 1
    info = EnsembleInfo.read(folder / "ensemble.json")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "# An ensemble of 2 networks, a classifier of 2 classes" in card
    assert "| network 2 | `tiny`, [two](members/two/README.md) |\n| prob" in card
    assert "| seed |" not in card
    assert "\n\n\n" not in card
    assert info == EnsembleInfo(version=VERSION, members=["one", "two"], choice=CHOICE)


def test_a_bundle_is_its_only_member(bundle):
    (path,) = read_members(bundle("a"))
    assert path.name == "a"
    assert read_temperature(path) is None


def test_an_ensemble_has_a_temperature_and_sets_of_its_own(bundle, tmp_path):
    of_member, own = (
        PredictionSets(coverage=0.9, images=9, threshold=t, by_class={}) for t in (0.1, 0.2)
    )
    members = {name: bundle(name, temperature=2, prediction_sets=of_member) for name in "ab"}
    write_ensemble(tmp_path / "e", members, temperature=1.3, prediction_sets=own)
    assert (read_temperature(tmp_path / "e"), read_prediction_sets(tmp_path / "e")) == (1.3, own)
    assert read_prediction_sets(members["a"]) == of_member


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"classes": ["MEL", "BCC"]}, "classes"),
        ({"size": 32}, "size"),
        ({"precision": "fp32"}, "precision"),
        ({"split": "other"}, "split"),
        ({"data": "other", "split": "other"}, "data set and split"),
    ],
)
def test_members_that_do_not_belong_together_are_refused(bundle, tmp_path, changes, what):
    with pytest.raises(UserError, match=rf"'one' and 'two', which differ in {what}: leave one"):
        write_ensemble(tmp_path / "e", {"one": bundle("a"), "two": bundle("b", **changes)})
    assert not (tmp_path / "e").exists()


def test_missing_and_damaged_files_are_named(folder, tmp_path):
    with pytest.raises(UserError, match=r"not a model bundle: it holds no bundle\.json"):
        read_members(tmp_path)
    (folder / "members" / "two" / "bundle.json").unlink()
    with pytest.raises(UserError, match=r"two is not a model bundle"):
        read_members(folder)
    (folder / "ensemble.json").write_text('{"members": []}')
    with pytest.raises(UserError, match=r"ensemble\.json is damaged.*'members'"):
        read_members(folder)


def test_bundles_that_do_not_belong_together_make_no_soup(bundle):
    assert average_bundles([bundle("a"), bundle("b")])[1]
    with pytest.raises(UserError, match="differ in classes"):
        average_bundles([bundle("a"), bundle("c", classes=["MEL", "BCC"])])
