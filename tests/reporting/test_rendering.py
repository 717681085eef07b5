from twinlens.reporting.rendering import Numbered, render, text_environment
from twinlens.reporting.tables.tables import facts_table


def test_tables_are_numbered_on_from_those_of_earlier_templates() -> None:
    numbered: list[Numbered] = []
    values = {
        "counts": facts_table({"images": 3}, "counts"),
        "test_access": facts_table({"run": "<b>"}, "counts"),
    }
    pages = [render("study/data.html", numbered, **values) for _ in range(2)]
    assert [entry.number for entry in numbered] == [1, 2, 3, 4]
    assert [entry.name for entry in numbered] == ["counts", "counts-2", "counts-3", "counts-4"]
    assert "<b>Table 3.</b>" in pages[1]
    assert "&lt;b&gt;" in pages[0]


def test_plain_text_is_not_escaped() -> None:
    text = text_environment().from_string("{{ names | listing }}, {{ n | plural('seed') }}")
    assert text.render(names=["a<b", "c"], n=2) == "a<b and c, 2 seeds"
