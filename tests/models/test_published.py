"""The contract that every entry of WEIGHTS keeps."""

import re
from pathlib import Path
from urllib.parse import urlparse

import pytest
import timm
import torch
from pydantic import ValidationError

from twinlens.models.encoders import ENCODERS, build_encoder
from twinlens.models.published import WEIGHTS, Published, images_of_tag
from twinlens.models.weights import cached


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_entry_says_where_it_is_what_it_is_for_and_whose(name):
    entry = WEIGHTS[name]
    if entry.address is None:
        assert re.fullmatch(r"[\w-]+/[\w.-]+", entry.hub)
    else:
        address = urlparse(entry.address)
        assert address.scheme == "https"
        assert address.path.endswith(".pth")
    assert entry.encoder in ENCODERS or entry.encoder.startswith(("timm/", "hf-hub:"))
    assert re.fullmatch("[0-9a-f]{8,64}|", entry.sha256)
    assert re.search(r"\(.*\d{4}\)\.$", entry.source), "a citation ends the sentence"
    assert entry.keys
    assert entry.licence
    assert images_of_tag(entry.images)


@pytest.mark.parametrize(
    "name", [name for name, entry in WEIGHTS.items() if (entry.hub or "").startswith("timm/")]
)
def test_entries_of_timm_state_what_timm_states(name):
    entry = WEIGHTS[name]
    stated = timm.get_pretrained_cfg(entry.encoder.removeprefix("timm/"))
    assert entry.hub == stated.hf_hub_id
    assert stated.license.removesuffix("-license") == entry.licence.lower()
    assert [seen.title for seen in images_of_tag(stated.tag)] == [
        seen.title for seen in images_of_tag(entry.images)
    ]


def test_an_entry_has_exactly_one_place():
    fields = {"encoder": "resnet18", "keys": "ours", "source": "A test.", "licence": "MIT"}
    for places in ({}, {"hub": "a/b", "address": "https://example.org/w.pth"}):
        with pytest.raises(ValidationError, match="either an address or a repository"):
            Published(**fields, **places)


@pytest.mark.parametrize("name", [name for name in WEIGHTS if name.startswith("supervised")])
def test_torchvisions_file_names_hold_the_hash(name):
    entry = WEIGHTS[name]
    (named,) = re.findall(r"-([0-9a-f]{8})\.pth", entry.address)
    assert entry.sha256.startswith(named)


def test_the_guide_lists_every_entry():
    guide = Path(__file__).parents[2].joinpath("docs", "weights.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([\w/.:-]+)` \|[^|]*\| ([\w.-]+) \|", guide, re.MULTILINE)
    assert rows == [(name, entry.encoder, entry.licence) for name, entry in WEIGHTS.items()]


def test_every_entry_has_a_file_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path))
    assert len({cached(name) for name in WEIGHTS}) == len(WEIGHTS)
    assert cached("barlow_twins") == tmp_path / "barlow_twins.pth"


@pytest.mark.parametrize("name", [name for name, entry in WEIGHTS.items() if entry.size])
def test_a_size_is_that_of_the_parameters_and_a_little(name):
    """At 4 bytes a number: a file's names and BatchNorm statistics are under 1 % of it."""
    entry = WEIGHTS[name]
    with torch.device("meta"):
        encoder = build_encoder(entry.encoder, seed=0)
    numbers = sum(parameter.numel() for parameter in encoder.parameters())
    numbers += 1000 * (encoder.feature_dim + 1) if "with the classifier" in entry.keys else 0
    assert 1 < entry.size / (4 * numbers) < 1.01
