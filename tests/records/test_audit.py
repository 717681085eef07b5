import pytest

from twinlens.records.audit import Link


@pytest.mark.parametrize(
    ("label_a", "label_b", "conflicting"),
    [("x", "y", True), ("x", "x", False), ("x", None, False), (None, None, False)],
)
def test_two_labels_conflict_if_both_are_known_and_differ(label_a, label_b, conflicting):
    link = Link(
        a="i", b="j", found_by="hash", score=0.7, transformation="", label_a=label_a,
        label_b=label_b, group_a="p", group_b="q",
    )  # fmt: skip
    assert link.conflicting is conflicting
