import pytest

from twinlens.auditing import summary
from twinlens.auditing.summary import warning_sentences
from twinlens.records.audit import (
    AuditedData,
    AuditFindings,
    AuditSettings,
    Link,
    QualityOutlier,
    SkippedFile,
    SuspectedLabelError,
)
from twinlens.records.split_audit import (
    Contamination,
    Leaks,
    PretrainingOverlap,
    Repair,
    SeenImages,
    SplitAudit,
    StraddlingGroup,
)

DATA = AuditedData.model_construct(table_only=False, multi_image_groups=3)
ERROR = SuspectedLabelError(id="i", label="x", suggested="y", agreement=1)
OUTLIER = QualityOutlier(id="i", reason="dark", exposure=1, contrast=1, sharpness=1)
SKIPPED = SkippedFile(file="f", reason="r")
REPAIR = Repair(split="b", repaired="a", hash="h", groups=2, moved={}, dropped=1, lost={})
LINK = Link.model_construct(label_a="x", label_b="x", group_a="p", group_b="q", found_by="hash")


def link(**changes):
    return LINK.model_copy(update=changes)


def findings(**changes):
    nothing = AuditFindings.model_construct(
        data=DATA, settings=AuditSettings(), skipped=[], links=[], suspected_label_errors=None,
        outliers=[], splits={}, repairs={}, pretraining=[],
    )  # fmt: skip
    return nothing.model_copy(update=changes)


def summary_sentences(audit):
    return summary.summary_sentences(audit, audit)


def split(leaking):
    known = Contamination(train=0.25, unlabelled=0.1, any=0.3125)
    groups = [StraddlingGroup(group="p", images={})] * 1200 * leaking
    known = {"val": known, "test": known}
    leaks = Leaks(leaking=leaking, groups=groups, links=[3] * leaking, contamination=known)
    return SplitAudit(hash="h", composition={}, leaks=leaks, linked_images={})


def overlap(same, copies):
    part = SeenImages(images=1500, same=same, copies=copies)
    seen = {"main": {"val": part, "test": part}}
    return PretrainingOverlap(run="runs/twins", images=9, seen=seen)


def test_a_clean_data_set_has_a_short_summary():
    assert summary_sentences(findings(splits={"main": split(False)})) == [
        "No group and no near-duplicates lie on two sides of the split 'main'.",
        "0 exact duplicates, 0 near-duplicate pairs by hash; 0 of them across groups.",
    ]


def test_leaks_come_first_with_how_much_of_test_is_known():
    leaking = findings(
        splits={"clean": split(False), "mixed": split(True)}, pretraining=[overlap(1100, 4)]
    )
    assert summary_sentences(leaking)[:3] == [
        "Split 'mixed' LEAKS: 1,200 groups and 1 near-duplicate pair lie on two sides; 25.0 % of "
        "the test images have a sibling or copy in train, 31.2 % in train or unlabelled.",
        "TRANSDUCTIVE: the pretraining runs/twins saw 1,100 of the 1,500 test images of split "
        "'main', and siblings or copies of 4 more.",
        "No group and no near-duplicates lie on two sides of the split 'clean'.",
    ]
    assert warning_sentences(leaking) == summary_sentences(leaking)[:2]


def test_a_pretraining_is_a_warning_unless_it_is_known_to_have_seen_nothing():
    gone = PretrainingOverlap(run="gone", images=1, unknown="It is gone.")
    found = findings(pretraining=[overlap(0, 0), gone])
    unknown = "UNKNOWN whether a pretraining saw test images: It is gone."
    assert warning_sentences(found) == [unknown]
    assert summary_sentences(found)[:2] == [
        unknown,
        "The pretraining runs/twins saw no test image, and no copy of one.",
    ]
    assert len(warning_sentences(findings(pretraining=[overlap(0, 1)]))) == 1


def test_links_are_counted_by_what_found_them():
    links = [link(found_by="pixels"), LINK, link(group_b="p"), link(found_by="embedding")]
    settings = AuditSettings(encoder="twins")
    assert summary_sentences(findings(links=links, settings=settings)) == [
        "1 exact duplicate, 2 near-duplicate pairs by hash, 1 similar pair by embedding; "
        "3 of them across groups."
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"links": [link(label_b="y")]}, "Pairs with two different labels: 1."),
        ({"suspected_label_errors": [ERROR] * 2}, "Suspected label errors: 2."),
        ({"outliers": [OUTLIER]}, "Outliers in image quality: 1."),
        ({"skipped": [SKIPPED] * 3}, "Files that could not be imported: 3."),
        (
            {"data": DATA.model_copy(update={"table_only": True}), "outliers": None},
            "Images were not examined: the data set is a table without images.",
        ),
        ({"data": DATA.model_copy(update={"import_notes": ["All are grey."]})}, "All are grey."),
        (
            {"data": DATA.model_copy(update={"multi_image_groups": 0})},
            "No group has several images, so siblings of one lesion cannot be identified.",
        ),
        (
            {"repairs": {"a": REPAIR}},
            "Split 'b' repairs 'a': Groups moved to one side: 2; images moved: none; "
            "images without a label dropped: 1.",
        ),
    ],
)
def test_other_findings_have_a_sentence_each(changes, sentence):
    assert sentence in summary_sentences(findings(**changes))
    assert sentence not in summary_sentences(findings())
    assert warning_sentences(findings(**changes)) == []
