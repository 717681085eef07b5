import pytest

from twinlens.auditing.summary import sentences, warnings

KNOWN = {"train": 0.25, "unlabelled": 0.1, "any": 0.3125}


def link(found_by, group_a="p", group_b="q"):
    return {"found_by": found_by, "group_a": group_a, "group_b": group_b}


def findings(**changes):
    data = {"table_only": False, "groups_of_several": 3}
    return {
        "data": data,
        "settings": {"features": None},
        "skipped": [],
        "links": [],
        "conflicts": [],
        "doubtful_labels": None,
        "quality": [],
        "splits": {},
        "repaired": {},
        "pretraining": [],
        **changes,
    }


def split(leaking):
    straddling = {"groups": [{}] * 1200, "links": [3], "known": {"test": KNOWN, "val": KNOWN}}
    clean = {"groups": [], "links": [], "known": {}}
    return {"leaks": (straddling if leaking else clean) | {"leaking": leaking}}


def pretraining(same, copy):
    part = {"images": 1500, "same": same, "copy": copy}
    return {"run": "runs/twins", "images": 9, "seen": {"main": {"val": part, "test": part}}}


def test_a_clean_data_set_has_little_to_tell():
    assert sentences(findings(splits={"main": split(False)})) == [
        "Split 'main': no group and no near-duplicates lie on two sides.",
        "0 exact duplicates, 0 near-duplicate pairs by hash; 0 of them across groups.",
    ]


def test_leaks_come_first_with_how_much_of_test_is_known():
    found = findings(
        splits={"clean": split(False), "torn": split(True)}, pretraining=[pretraining(1100, 4)]
    )
    assert sentences(found)[:3] == [
        "Split 'torn' LEAKS: 1,200 groups and 1 near-duplicate pair lie on two sides; 25.0 % of "
        "the test images have a sibling or copy in train, 31.2 % in train or unlabelled.",
        "TRANSDUCTIVE: the pretraining runs/twins saw 1,100 of the 1,500 test images of split "
        "'main', and siblings or copies of 4 more.",
        "Split 'clean': no group and no near-duplicates lie on two sides.",
    ]
    assert warnings(found) == sentences(found)[:2]


def test_a_pretraining_is_a_warning_unless_it_is_known_to_have_seen_nothing():
    found = findings(pretraining=[pretraining(0, 0), {"run": "gone", "unknown": "It is gone."}])
    unknown = "UNKNOWN whether a pretraining saw test images: It is gone."
    assert warnings(found) == [unknown]
    assert sentences(found)[:2] == [
        unknown,
        "The pretraining runs/twins saw no test image, and no copy of one.",
    ]
    assert len(warnings(findings(pretraining=[pretraining(0, 1)]))) == 1


def test_links_are_counted_by_what_found_them():
    links = [link("pixels"), link("hash"), link("hash", group_b="p"), link("embedding")]
    found = findings(links=links, settings={"features": "twins"})
    assert sentences(found) == [
        "1 exact duplicate, 2 near-duplicate pairs by hash, 1 similar pair by embedding; "
        "3 of them across groups."
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"conflicts": [0]}, "Within 1 pair the two labels differ."),
        ({"doubtful_labels": [{}] * 2}, "The nearest images speak against 2 labels."),
        ({"quality": [{}]}, "Standing out in quality: 1 image."),
        ({"skipped": [{}] * 3}, "3 files could not be imported."),
        (
            {"data": {"table_only": True, "groups_of_several": 1}, "quality": None},
            "Images were not looked at: the data set is a table alone.",
        ),
        (
            {"repaired": {"a": {"split": "b", "groups": 2, "moved": {}, "dropped": 1, "lost": {}}}},
            "Split 'b' repairs 'a': Groups on two sides that were united: 2; images moved: none; "
            "dropped for want of a label: 1.",
        ),
    ],
)
def test_other_findings_have_a_sentence_each(changes, sentence):
    assert sentence in sentences(findings(**changes))
    assert sentence not in sentences(findings())
    assert warnings(findings(**changes)) == []


def test_data_without_siblings_is_said_to_be_so():
    lonely = {"table_only": False, "groups_of_several": 0}
    assert "siblings of one lesion cannot be told" in sentences(findings(data=lonely))[0]
