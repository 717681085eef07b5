import re

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split


def test_counts_and_attributes_of_each_part_are_those_of_the_table(leaking, page):
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
