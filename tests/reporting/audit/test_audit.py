from html_page import Page

import twinlens
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import split_names, write_split
from twinlens.records.audit import AuditFindings
from twinlens.records.split import ImportedSplit


def test_a_table_alone_is_audited_without_a_word_on_images(tmp_path, dataset_of):
    groups = [f"g{number // 2}" for number in range(12)]
    sites = ["Wien", None, None] * 4
    data = dataset_of(tmp_path / "data", ["MEL", "NV", None, None] * 3, groups, site=sites)
    write_split(data.path, "odd", ["train", "test", "unlabelled", None] * 3, ImportedSplit())
    findings = twinlens.audit(data.path)
    assert findings.leaking
    page = Page(data.path / "audit" / "audit.html")
    assert "img" not in page.tags
    assert not {"pairs", "labels", "quality"} & set(page.ids)
    assert "Images were not examined: the data set is a table without images." in page.text
    assert "100.0 %" in page.text
    assert "Wien" in page.text


def test_fix_writes_a_split_that_is_clean_once(leaking):
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
