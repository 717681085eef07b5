import re

import pandas as pd
import pytest
from audited import find, show

from twinlens.auditing.audit import combine, inspect
from twinlens.data.dataset import SKIPPED, Dataset, open_dataset
from twinlens.data.splits import open_split
from twinlens.records.audit import AuditFindings, SuspectedLabelError
from twinlens.records.dataset import ClassInfo
from twinlens.records.split_audit import PretrainingOverlap, SeenImages, SplitFindings

EVIL = '<script>alert("x")</script>'


def test_the_page_is_one_file_that_loads_nothing(page):
    assert all(a.startswith(("#", "data:image/jpeg;base64,")) for a in page.addresses)
    assert not re.search(r"@import|url\((?!#)", page.html)
    assert page.runs_only_its_own_script()
    assert len(page.ids) == len(set(page.ids))
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= set(page.ids)


@pytest.mark.parametrize("kind", ["Figure", "Table"])
def test_figures_and_tables_are_numbered_in_order(page, kind):
    numbers = [int(n) for n in re.findall(rf"<b>{kind} (\d+)\.</b>", page.html)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers


def test_what_leaks_is_said_first_and_shown_side_by_side(leaking, page):
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


def test_markup_in_names_is_text(leaking, tmp_path):
    pd.DataFrame({"file": [EVIL], "reason": [EVIL]}).to_csv(leaking / SKIPPED, index=False)
    known = open_dataset(leaking)
    split = open_split(known)
    table = known.table.assign(site=EVIL)
    table[["id", "group"]] = EVIL + table[["id", "group"]]
    table["label"] = table["label"].replace({"NV": EVIL})
    table = table.rename(columns={"age": EVIL})
    class_info = {EVIL: ClassInfo(title=EVIL, group=EVIL)}
    changes = {"classes": [EVIL, "BCC", "MEL"], "notice": EVIL, "class_info": class_info}
    record = known.record.model_copy(update=changes)
    dataset = Dataset(leaking, table, known.images, record)
    error = SuspectedLabelError(id=EVIL + "01.png", label=EVIL, suggested=EVIL, agreement=0.9)
    run = PretrainingOverlap(run=EVIL, images=5, unknown=EVIL)
    update = {"suspected_label_errors": [error], "pretraining": [run]}
    findings = inspect(dataset, [split]).model_copy(update=update)
    page = show(dataset, findings, tmp_path)
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


def test_a_pretraining_that_saw_test_images_is_a_warning(leaking, tmp_path):
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
    findings = find(dataset)
    found = SplitFindings(splits=findings.splits, repairs={}, pretraining=overlaps)
    findings = combine(findings, found, seconds=1)
    page = show(dataset, findings, tmp_path)
    assert "twins 21 imported test 12 2 0" in page.text
    assert "the pretraining twins saw 2 of the 12 test images" in findings.warnings[1]
    assert page.text.count(findings.warnings[1]) == 1
    assert page.text.count(gone) == 1
