import json
from pathlib import Path

from twinlens.files import read_json


def test_compare_prints_the_schema_of_study_files(command_line):
    stored = Path(__file__).parents[2] / "studies" / "schema.json"
    assert json.loads(command_line("compare", "--schema")) == read_json(stored)
