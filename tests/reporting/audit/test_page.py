import base64
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from html_page import Page
from PIL import Image

import twinlens
from twinlens.auditing.audit import combine, inspect
from twinlens.data.dataset import SKIPPED, Dataset, open_dataset
from twinlens.data.splits import open_split, split_names, write_split
from twinlens.importing.import_images import import_images
from twinlens.records.audit import AuditFindings, Link, QualityOutlier, SuspectedLabelError
from twinlens.records.split_audit import PretrainingOverlap, SeenImages, SplitFindings
from twinlens.reporting.audit.page import audit_page

EVIL = '<script>alert("x")</script>'


def _findings(dataset: Dataset) -> AuditFindings:
    return inspect(dataset, [open_split(dataset, name) for name in split_names(dataset)])


def _page(dataset: Dataset, findings: AuditFindings, path: Path) -> Page:
    path.write_text(audit_page(dataset, findings), encoding="utf-8")
    return Page(path)


@pytest.fixture
def page(leaking: Path) -> Page:
    twinlens.audit(leaking)
    return Page(leaking / "audit" / "audit.html")


def test_the_page_is_one_file_that_loads_nothing(page: Page) -> None:
    assert all(a.startswith(("#", "data:image/jpeg;base64,")) for a in page.addresses)
    assert not re.search(r"@import|url\((?!#)", page.html)
    assert "script" not in page.tags
    assert "default-src 'none'" in page.html
    assert len(page.ids) == len(set(page.ids))
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= set(page.ids)


@pytest.mark.parametrize("kind", ["Figure", "Table"])
def test_figures_and_tables_are_numbered_in_order(page: Page, kind: str) -> None:
    numbers = [int(n) for n in re.findall(rf"<b>{kind} (\d+)\.</b>", page.html)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers


def test_what_leaks_is_said_first_and_shown_side_by_side(leaking: Path, page: Page) -> None:
    (warning,) = AuditFindings.read(leaking / "audit" / "audit.json").warnings
    assert warning in re.findall(r'role="note">([^<]*)<', page.html.replace("&#39;", "'"))
    pairs = re.findall(r'<div class="together">(.*?)<p>([^<]*)</p>', page.html, re.DOTALL)
    shown = {tuple(re.findall(r'alt="Image ([^"]*)"', pair)): how for pair, how in pairs}
    assert shown["00.png", "40.png"] == "the same pixels"
    assert shown["01.png", "42.png"] == "mirrored, correlation 1.00"
    assert page.text.index("Pairs on two sides of a split: all 3.") > page.text.index(warning)
    (conflict,) = (pair for pair, _ in pairs if "42.png" in pair)
    loud = re.findall(r'class="loud">([^<]*)<', conflict)
    assert loud == ["MEL", "test", "BCC", "train"]
    assert "group copy of 1" in conflict
    assert "lesion 12 1: 12.png 1: 43.png" in page.text


def test_thumbnails_are_the_images(leaking: Path, page: Page) -> None:
    uri = re.search(r'src="data:image/jpeg;base64,([^"]*)" alt="Image 00.png"', page.html)
    assert uri
    image = Image.open(io.BytesIO(base64.b64decode(uri[1])))
    dataset = open_dataset(leaking)
    original = Image.fromarray(dataset.images[0])
    assert image.size == original.size == (48, 48)
    difference = [abs(a - b) for a, b in zip(image.tobytes(), original.tobytes(), strict=True)]
    assert sum(difference) / len(difference) < 8


def test_large_images_are_shown_small_and_no_split_is_said(
    tmp_path: Path, draw: Callable[..., Path]
) -> None:
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


def test_counts_and_attributes_of_each_part_are_those_of_the_table(
    leaking: Path, page: Page
) -> None:
    dataset = open_dataset(leaking)
    rows = open_split(dataset).rows
    table = dataset.table
    for part, members in rows.items():
        assert f"{part} · {len(members)} images" in page.text
    by_class = [table["label"].iloc[rows[p]].eq("NV").sum() for p in rows]
    assert "NV" + "".join(map(str, by_class)) in re.sub(r"\s", "", page.text)
    ages = table["age"].astype(float).iloc[rows["test"]]
    assert f"{ages.mean():.1f} ± {ages.std(ddof=0):.1f}" in page.text
    assert any(label.startswith("Classes by part. train: ") for label in page.labels)


def test_markup_in_names_is_text(leaking: Path, tmp_path: Path) -> None:
    pd.DataFrame({"file": [EVIL], "reason": [EVIL]}).to_csv(leaking / SKIPPED, index=False)
    known = open_dataset(leaking)
    split = open_split(known)
    table = known.table.assign(site=EVIL)
    table[["id", "group"]] = EVIL + table[["id", "group"]]
    table["label"] = table["label"].replace({"NV": EVIL})
    table = table.rename(columns={"age": EVIL})
    info = known.info | {"classes": [EVIL, "BCC", "MEL"], "notice": EVIL}
    info["class_info"] = {EVIL: {"title": EVIL, "group": EVIL, "colour": f'red" {EVIL}'}}
    dataset = Dataset(leaking, table, known.images, info)
    error = SuspectedLabelError(id=EVIL + "01.png", label=EVIL, suggested=EVIL, agreement=0.9)
    run = PretrainingOverlap(run=EVIL, images=5, unknown=EVIL)
    update = {"suspected_label_errors": [error], "pretraining": [run]}
    findings = inspect(dataset, [split]).model_copy(update=update)
    page = _page(dataset, findings, tmp_path / "page.html")
    assert "<script" not in page.html
    assert f"Image {EVIL}00.png" in page.html.replace("&lt;", "<").replace("&gt;", ">").replace(
        "&#34;", '"'
    )
    for text in (
        f"{EVIL}00.png",
        f"group {EVIL}lesion 0",
        f"labelled {EVIL}",
        f"90 % of its neighbours: {EVIL}",
    ):
        assert text in page.text
    assert any(EVIL in label for label in page.labels)


def _links(link: Link) -> list[Link]:
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


def test_of_many_pairs_and_images_a_few_are_shown(leaking: Path, tmp_path: Path) -> None:
    dataset = open_dataset(leaking)
    findings = _findings(dataset)
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
    page = _page(dataset, findings, tmp_path / "page.html")
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


def test_a_table_alone_is_audited_without_a_word_on_images(
    tmp_path: Path, dataset_of: Callable[..., Dataset]
) -> None:
    groups = [f"g{number // 2}" for number in range(12)]
    sites = ["Wien", None, None] * 4
    data = dataset_of(tmp_path / "data", ["MEL", "NV", None, None] * 3, groups, site=sites)
    write_split(data.path, "odd", ["train", "test", "unlabelled", None] * 3, {"how": ""})
    findings = twinlens.audit(data.path)
    assert findings.leaking
    page = Page(data.path / "audit" / "audit.html")
    assert "img" not in page.tags
    assert not {"pairs", "labels", "quality"} & set(page.ids)
    assert "Images were not examined: the data set is a table without images." in page.text
    assert "100.0 %" in page.text
    assert "Wien" in page.text


def test_fix_writes_a_split_that_is_clean_once(leaking: Path) -> None:
    findings = twinlens.audit(leaking, fix=True)
    assert findings.splits["imported"].leaks.leaking
    assert not findings.splits["imported-fixed"].leaks.leaking
    repair = findings.repairs["imported"]
    assert (repair.split, repair.groups) == ("imported-fixed", 4)
    assert repair.moved == {"test to train": 3, "val to train": 1}
    assert findings == AuditFindings.read(leaking / "audit" / "audit.json")
    text = Page(leaking / "audit" / "audit.html").text
    assert "Split imported-fixed repairs it." in text
    assert twinlens.audit(leaking, fix=True).repairs == findings.repairs
    assert split_names(open_dataset(leaking)) == ["imported", "imported-fixed"]
    alone = twinlens.audit(leaking, splits=("imported-fixed",))
    assert not alone.leaking
    assert not alone.warnings


def test_a_pretraining_that_saw_test_images_is_a_warning(leaking: Path, tmp_path: Path) -> None:
    dataset = open_dataset(leaking)
    seen = {
        "val": SeenImages(images=11, same=0, copies=1),
        "test": SeenImages(images=12, same=2, copies=0),
    }
    gone = "The training data of other are gone."
    overlaps = [
        PretrainingOverlap(run="twins", images=21, seen={"imported": seen}),
        PretrainingOverlap(run="other", images=4, unknown=gone),
    ]
    findings = _findings(dataset)
    found = SplitFindings(splits=findings.splits, repairs={}, pretraining=overlaps)
    findings = combine(findings, found, seconds=1)
    page = _page(dataset, findings, tmp_path / "page.html")
    assert "twins 21 imported test 12 2 0" in page.text
    assert "the pretraining twins saw 2 of the 12 test images" in findings.warnings[1]
    assert page.text.count(findings.warnings[1]) == 1
    assert page.text.count(gone) == 1


def test_one_of_several_splits_is_named_with_the_part(leaking: Path, tmp_path: Path) -> None:
    dataset = open_dataset(leaking)
    other = ["test" if number == 40 else "train" for number in range(44)]
    write_split(leaking, "other", other, {"how": ""})
    page = _page(dataset, _findings(dataset), tmp_path / "page.html")
    pairs = re.findall(r'<div class="together">(.*?)</p>', page.html, re.DOTALL)
    loud = [re.findall(r'class="loud">([^<]*)<', pair) for pair in pairs]
    assert ["imported: train", "other: train", "imported: test", "other: test"] in loud
    assert ["train", "val"] in loud
