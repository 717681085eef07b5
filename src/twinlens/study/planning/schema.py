"""The JSON schema of study files, with which editors complete and check them."""

import inspect
import re
from typing import Any

from pydantic import BaseModel

from twinlens.pretraining.methods import METHODS
from twinlens.settings.finetuning import FineTuning
from twinlens.study.planning.config import Arm, Study

_COMMON = ("precision", "classes", "probe_label_fraction")  # the same for all arms


def schema() -> dict[str, Any]:
    """Return the JSON schema of a study file, with the settings of trainings and pretrainings.

    Shorthands are in it too: seeds may be a number.
    """
    found = _described(Study)
    arm = found["$defs"]["Arm"]
    arm["properties"] = _described(Arm)["properties"]
    settings = {
        "train": _settings(FineTuning),
        "pretrain": _settings(*(method.settings for method in METHODS.values())),
    }
    for holder in (found, arm):
        for key, inner in settings.items():
            kept = holder["properties"][key]
            given = {"anyOf": [inner, {"type": "null"}]} if "anyOf" in kept else inner
            holder["properties"][key] = given | {"description": kept["description"]}
    seeds = found["properties"]["seeds"]
    found["properties"]["seeds"] = {
        "anyOf": [{"type": "integer", "minimum": 1}, {"type": "array", "items": seeds["items"]}],
        "description": seeds["description"],
    }
    for key in ("reference", "primary_metric"):
        found["properties"][key] = _optional(found["properties"][key])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _settings(*models: type[BaseModel]) -> dict[str, Any]:
    """Return one object with the settings of all models; a preset says what is left out."""
    properties: dict[str, Any] = {}
    for model in models:
        for name, value in _described(model)["properties"].items():
            if name not in _COMMON:
                properties.setdefault(name, {k: v for k, v in value.items() if k != "default"})
    if len(models) > 1:
        properties["method"] = {"enum": list(METHODS), "description": "A name in `METHODS`."}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _described(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's schema, with what its docstrings say of each key."""
    found = model.model_json_schema(by_alias=True)
    for parent in reversed(model.__mro__):
        for name, text in _attributes(parent).items():
            key = model.model_fields[name].alias or name if name in model.model_fields else name
            if key in found["properties"]:
                found["properties"][key]["description"] = text
    for inner in (found, *found.get("$defs", {}).values()):
        inner["description"] = inner["description"].partition("\n")[0]
        inner.pop("title")
    for value in found["properties"].values():
        value.pop("title", None)
    return found


def _attributes(model: type) -> dict[str, str]:
    """Return what a docstring says of each attribute."""
    section = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def _optional(value: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in value.items() if k != "type"} | {"type": ["string", "null"]}
