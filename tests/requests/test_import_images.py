from pathlib import Path

import pytest

from twinlens.requests.import_images import ImportRequest


@pytest.mark.parametrize(
    ("sources", "paths"), [("a", ["a"]), (Path("a"), ["a"]), (["a", Path("b")], ["a", "b"])]
)
def test_one_source_or_several_are_a_list_of_paths(sources, paths):
    assert ImportRequest(sources, "out").paths == paths


def test_an_import_names_its_sources_and_columns_in_its_command():
    request = ImportRequest(
        ("a", "b"), "out", label="dx", split_map={"pool": "unlabelled"}, size=64, add=True
    )
    assert request.command_line() == (
        "twinlens import a b --out out --label dx --split-map pool=unlabelled --size 64 --add"
    )
