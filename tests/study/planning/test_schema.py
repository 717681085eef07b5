import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from twinlens.pretraining.methods import METHODS
from twinlens.settings.finetuning import FineTuning
from twinlens.study.planning.arm import Arm
from twinlens.study.planning.config import Study, as_yaml, read_study
from twinlens.study.planning.schema import schema

STUDIES = Path(__file__).parents[3] / "studies"
GOOD = {"data": "somewhere", "arms": {"plain": {}}}


@pytest.fixture(scope="module")
def check():
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema()).validate


def test_the_stored_schema_is_this_one():
    stored = json.loads((STUDIES / "schema.json").read_text(encoding="utf-8"))
    assert stored == schema(), "run: twinlens compare --schema > studies/schema.json"


@pytest.mark.parametrize("file", sorted(STUDIES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_study_fits_and_names_the_schema(check, file):
    text = file.read_text(encoding="utf-8")
    check(yaml.safe_load(text))
    assert "# yaml-language-server: $schema=schema.json\n" in text


def test_a_resolved_study_fits(check, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(GOOD), encoding="utf-8")
    check(yaml.safe_load(as_yaml(read_study(path, []))))


@pytest.mark.parametrize(
    "wrong",
    [
        {"sed": 3},
        {"seeds": 0},
        {"label_fractions": [2]},
        {"train": {"epoch": 3}},
        {"search": {"train.lr": {"low": 1}}},
        {"train": {"precision": "fp32"}},
        {"pretrain": {"method": "contrastive"}},
        {"arms": {"plain": {"train": {"tuning": "some"}}}},
        {"arms": {"plain": {"pretrain": {"lambda": -1}}}},
        {"arms": {}},
    ],
)
def test_what_a_study_refuses_the_schema_refuses(check, wrong, tmp_path):
    with pytest.raises(jsonschema.ValidationError):
        check(GOOD | wrong)


def test_every_key_is_described():
    found = schema()
    described = found["properties"] | found["$defs"]["Arm"]["properties"]
    assert all(value["description"] for value in described.values())
    assert set(described) == {*Study.model_fields, *Arm.model_fields}
    for model, key in (
        (FineTuning, "train"),
        *((m.settings, "pretrain") for m in METHODS.values()),
    ):
        names = {field.alias or name for name, field in model.model_fields.items()}
        assert names - {"precision", "classes", "probe_label_fraction"} <= set(
            found["properties"][key]["properties"]
        )
