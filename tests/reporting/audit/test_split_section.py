from audited import find

from twinlens.data.dataset import open_dataset
from twinlens.records.split_audit import StraddlingGroup
from twinlens.reporting.audit.split_section import MAX_ROWS, split_sections


def test_groups_on_two_sides_are_listed_with_their_images(leaking, page):
    assert "lesion 12 1: 12.png 1: 43.png" in page.text
    dataset = open_dataset(leaking)
    (section,) = split_sections(dataset, find(dataset))
    assert (section.leaking, section.repair, section.straddling_count) == (True, "", 1)


def test_of_many_groups_some_are_listed(leaking):
    dataset = open_dataset(leaking)
    findings = find(dataset)
    groups = [StraddlingGroup(group="g", images={"train": list("abcd"), "test": ["e"]})] * 300
    split = findings.splits["imported"]
    leaks = split.leaks.model_copy(update={"groups": groups})
    splits = {"imported": split.model_copy(update={"leaks": leaks})}
    (section,) = split_sections(dataset, findings.model_copy(update={"splits": splits}))
    assert (len(section.straddling.rows), section.straddling_count) == (MAX_ROWS, 300)
    assert [cell.text for cell in section.straddling.rows[0]] == ["g", "4: a, b, c", "", "1: e", ""]
