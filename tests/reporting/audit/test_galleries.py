import base64
import io
import re
import shutil

from audited import find, show
from html_page import Page
from PIL import Image

import twinlens
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import write_split
from twinlens.importing.import_images import import_images
from twinlens.records.audit import QualityOutlier, SuspectedLabelError
from twinlens.records.split import ImportedSplit


def test_thumbnails_are_the_images(leaking, page):
    uri = re.search(r'src="data:image/jpeg;base64,([^"]*)" alt="Image 00.png"', page.html)
    assert uri
    image = Image.open(io.BytesIO(base64.b64decode(uri[1])))
    dataset = open_dataset(leaking)
    original = Image.fromarray(dataset.images[0])
    assert image.size == original.size == (48, 48)
    difference = [abs(a - b) for a, b in zip(image.tobytes(), original.tobytes(), strict=True)]
    assert sum(difference) / len(difference) < 8


def test_large_images_are_shown_small_and_no_split_is_said(tmp_path, draw):
    for name, number in {"a": 0, "b": 1, "c": 1}.items():
        draw(tmp_path / "in" / f"{name}.png", number, (300, 300))
    import_images(tmp_path / "in", tmp_path / "data", kind="unlabelled", size=300)
    shutil.rmtree(tmp_path / "data" / "splits")
    twinlens.audit(tmp_path / "data")
    page = Page(tmp_path / "data" / "audit" / "audit.html")
    uris = re.findall(r"data:image/jpeg;base64,([^\"]*)", page.html)
    sizes = {Image.open(io.BytesIO(base64.b64decode(uri))).size for uri in uris}
    assert sizes == {(96, 96)}
    assert "Exact duplicates: the only one." in page.text
    assert "No split was audited" in page.text


def _links(link):
    """Return 500 links of each kind, of which 300 to 799 have two labels."""
    kinds = ["pixels"] * 500 + ["hash"] * 500 + ["embedding"] * 500
    return [
        link.model_copy(
            update={
                "found_by": kind,
                "score": 1 - number / 3000,
                "label_a": "NV",
                "label_b": "MEL" if 300 <= number < 800 else "NV",
            }
        )
        for number, kind in enumerate(kinds)
    ]


def test_of_many_pairs_and_images_a_few_are_shown(leaking, tmp_path):
    dataset = open_dataset(leaking)
    findings = find(dataset)
    ids = dataset.table["id"].tolist() * 20
    split = findings.splits["imported"]
    leaks = split.leaks.model_copy(update={"links": [*range(0, 700, 2)]})
    update = {
        "links": _links(*findings.links[0:1]),
        "splits": {"imported": split.model_copy(update={"leaks": leaks})},
        "suspected_label_errors": [
            SuspectedLabelError(id=name, label="NV", suggested="MEL", agreement=1.0) for name in ids
        ],
        "outliers": [
            QualityOutlier(id=name, reason=reason, exposure=1.0, contrast=2.0, sharpness=0.5)
            for reason in ("dark", "blurred")
            for name in ids
        ],
    }
    findings = findings.model_copy(update=update)
    page = show(dataset, findings, tmp_path)
    galleries = re.findall(r'<div class="gallery(.*?)</figure>', page.html, re.DOTALL)
    assert [gallery.count("together") for gallery in galleries] == [24, 12, 8, 8, 8, 24, 24]
    for sentence in (
        "Pairs on two sides of a split: 24 of 350; the others are in the JSON file.",
        "Pairs with two labels: 12 of 300;",
        "Near-duplicates by hash: 8 of 200;",
        "Suspected label errors: 24 of 880;",
        "Outliers in sharpness or exposure: 24 of 1,760;",
    ):
        assert sentence in page.text
    assert galleries[-1].count(">dark<") == galleries[-1].count(">blurred<") == 12
    scores = [float(x) for x in re.findall(r"correlation (0\.\d\d)", galleries[3])]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[-1] > 0.05
    assert len(page.html) < 3_000_000


def test_one_of_several_splits_is_named_with_the_part(leaking, tmp_path):
    dataset = open_dataset(leaking)
    other = ["test" if number == 40 else "train" for number in range(44)]
    write_split(leaking, "other", other, ImportedSplit())
    page = show(dataset, find(dataset), tmp_path)
    pairs = re.findall(r'<div class="together">(.*?)</p>', page.html, re.DOTALL)
    loud = [re.findall(r'class="loud">([^<]*)<', pair) for pair in pairs]
    assert ["imported: train", "other: train", "imported: test", "other: test"] in loud
    assert ["train", "val"] in loud
