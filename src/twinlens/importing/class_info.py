"""What a user says about the classes: their order, titles, colours and groups.

```yaml
NV: {title: melanocytic nevus, colour: "#8a5a33", group: benign}
MEL: {title: melanoma, colour: "#2b2b3a", group: malignant}
other: {}
```
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from twinlens.config import Config, parse, read_yaml
from twinlens.console import say
from twinlens.errors import UserError
from twinlens.importing.source import Source


def _colour(value: Any) -> Any:
    # Without quotes YAML takes it for a comment.
    if not re.fullmatch("#[0-9a-fA-F]{6}", str(value)):
        raise ValueError('write it as "#rrggbb", in quotes')
    return value


class ClassInfo(Config):
    """What may be said about a class.

    Attributes:
        title: Its name in full.
        colour: Its colour in figures, such as ``#8a5a33``.
        group: What it counts as, such as malignant.
    """

    title: str = ""
    colour: Annotated[str, BeforeValidator(_colour)] = ""
    group: str = ""


Classes = Path | str | Mapping[str, Mapping[str, str]]
"""A YAML file, or its content: for each class, in order, the values of `ClassInfo` that matter."""


def read_classes(classes: Classes) -> dict[str, dict[str, str]]:
    """Return what the user says about each class, in order.

    Raises:
        UserError: A value is wrong.
    """
    content = classes if isinstance(classes, Mapping) else read_yaml(Path(classes))
    return {name: _facts(_where(classes), name, facts) for name, facts in content.items()}


def with_classes(source: Source, classes: Classes) -> Source:
    """Return a source with the classes as the user orders and describes them.

    What the source itself knows about a class stays where the user says nothing.

    Raises:
        UserError: A value is wrong, or an image has a label that is not among the classes.
    """
    where, given = _where(classes), read_classes(classes)
    labels = source.table["label"].dropna().unique()
    strange = [name for name in labels if name not in given]
    if strange:
        raise UserError(
            f"{where} does not name the class '{strange[0]}', which images are labelled with: add "
            f"it; the labels are {', '.join(sorted(labels))}."
        )
    idle = [name for name in given if name not in set(labels)]
    if idle:
        say(f"{where} names classes that no image has: {', '.join(idle)}.")
    about = {name: {**source.class_info.get(name, {}), **facts} for name, facts in given.items()}
    return replace(source, classes=list(given), class_info={k: v for k, v in about.items() if v})


def _where(classes: Classes) -> str:
    return "classes" if isinstance(classes, Mapping) else str(classes)


def _facts(where: str, name: Any, facts: Any) -> dict[str, str]:
    if not isinstance(name, str):
        raise UserError(f"{where}: the class {name} is not text: write it in quotes.")
    if not isinstance(facts, Mapping):
        raise UserError(
            f"{where}: what is said about '{name}' must be keys and values, such as "
            "{title: melanoma}, or {} for nothing."
        )
    known = parse(ClassInfo, dict(facts), where=f"{where}, class '{name}'")
    return known.model_dump(exclude_unset=True)
