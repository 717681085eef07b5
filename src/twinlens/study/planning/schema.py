"""The JSON schema of study files, with which editors complete and check them."""

from typing import Any

from pydantic import BaseModel

from twinlens.docstrings import describe_attributes
from twinlens.pretraining.methods import METHODS
from twinlens.settings.finetuning import FineTuning
from twinlens.study.planning.arm import Arm
from twinlens.study.planning.baselines import Baseline
from twinlens.study.planning.config import Study

_COMMON = ("precision", "classes", "probe_label_fraction")  # the same for all arms


def schema() -> dict[str, Any]:
    """Return the JSON schema of a study file, with the settings of trainings and pretrainings.

    It includes shorthands: seeds may be a number.
    """
    content = _described(Study)
    for model in (Arm, Baseline):
        content["$defs"][model.__name__]["properties"] = _described(model)["properties"]
    settings = {
        "train": _settings(FineTuning),
        "pretrain": _settings(*(method.settings for method in METHODS.values())),
    }
    for holder in (content, *content["$defs"].values()):
        for key, inner in settings.items():
            if key not in holder.get("properties", {}):
                continue
            kept = holder["properties"][key]
            given = {"anyOf": [inner, {"type": "null"}]} if "anyOf" in kept else inner
            holder["properties"][key] = given | {"description": kept["description"]}
    seeds = content["properties"]["seeds"]
    content["properties"]["seeds"] = {
        "anyOf": [{"type": "integer", "minimum": 1}, {"type": "array", "items": seeds["items"]}],
        "description": seeds["description"],
    }
    for key in ("reference", "primary_metric"):
        content["properties"][key] = _optional(content["properties"][key])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **content}


def _settings(*models: type[BaseModel]) -> dict[str, Any]:
    """Return one object with the settings of all models, none of them required."""
    properties: dict[str, Any] = {}
    for model in models:
        for name, value in _described(model)["properties"].items():
            if name not in _COMMON:
                properties.setdefault(name, {k: v for k, v in value.items() if k != "default"})
    if len(models) > 1:
        properties["method"] = {"enum": list(METHODS), "description": "A name in `METHODS`."}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _described(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's schema, with the description of each key from the docstrings."""
    content = model.model_json_schema(by_alias=True)
    for name, text in describe_attributes(model).items():
        key = model.model_fields[name].alias or name if name in model.model_fields else name
        if key in content["properties"]:
            content["properties"][key]["description"] = text
    for inner in (content, *content.get("$defs", {}).values()):
        inner["description"] = inner["description"].partition("\n")[0]
        inner.pop("title")
    for value in content["properties"].values():
        value.pop("title", None)
    return content


def _optional(value: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in value.items() if k != "type"} | {"type": ["string", "null"]}
