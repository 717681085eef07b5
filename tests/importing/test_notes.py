import re
from pathlib import Path

from twinlens.config import read_yaml
from twinlens.importing import notes
from twinlens.importing.notes import listed, note


def test_every_note_has_a_kind_and_a_sentence_that_its_values_fill():
    entries = read_yaml(Path(notes.__file__).with_name("notes.yaml"))
    for name, (kind, text) in entries.items():
        values = {value: 1 for value in re.findall(r"{(\w+)", text) if value != "count"}
        made = note(name, 1000, **values)
        assert made.kind == kind
        assert made.text.endswith(".")
        assert ("1,000" in made.text) == ("{count" in text)


def test_a_few_names_are_listed():
    assert listed("abc") == "a, b, c"
    assert listed("abcdefgh") == "a, b, c, d, e and 3 more"
