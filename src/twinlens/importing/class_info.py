"""The classes as a user describes them: their order, titles, colours and groups.

```yaml
NV: {title: melanocytic nevus, colour: "#8a5a33", group: benign}
MEL: {title: melanoma, colour: "#2b2b3a", group: malignant}
other: {}
```
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from twinlens.config import parse, read_yaml
from twinlens.console import say
from twinlens.errors import UserError
from twinlens.importing.source import Source
from twinlens.records.dataset import ClassInfo

NOTHING = ClassInfo()

Classes = Path | str | Mapping[str, Mapping[str, str]]
"""A YAML file, or its content: for each class, in order, what is known of `ClassInfo`."""


def read_classes(classes: Classes) -> dict[str, ClassInfo]:
    """Return the user's description of each class, in order.

    Raises:
        UserError: A value is wrong.
    """
    content = classes if isinstance(classes, Mapping) else read_yaml(Path(classes))
    return {name: _class_info(_where(classes), name, given) for name, given in content.items()}


def with_classes(source: Source, classes: Classes) -> Source:
    """Return a source with the classes in the user's order, with the user's descriptions.

    What the source itself knows about a class stays where the user gives nothing.

    Raises:
        UserError: A value is wrong, or an image has a label that is not among the classes.
    """
    where, given = _where(classes), read_classes(classes)
    labels = source.table["label"].dropna().unique()
    unnamed = [name for name in labels if name not in given]
    if unnamed:
        raise UserError(
            f"{where} does not name the class '{unnamed[0]}', which images are labelled with: add "
            f"it; the labels are {', '.join(sorted(labels))}."
        )
    unused = [name for name in given if name not in set(labels)]
    if unused:
        say(f"{where} names classes that no image has: {', '.join(unused)}.")
    return replace(source, classes=list(given), class_info=updated(source.class_info, given))


def updated(
    known: Mapping[str, ClassInfo], given: Mapping[str, ClassInfo], classes: Iterable[str] = ()
) -> dict[str, ClassInfo]:
    """Return what is known about classes, replaced by the fields that a user gives.

    Args:
        known: What is known so far.
        given: The user's descriptions, of which only the fields count that were given.
        classes: Names of the classes; by default those that the user describes.
    """
    infos = {
        name: known.get(name, NOTHING).model_copy(
            update=given.get(name, NOTHING).model_dump(exclude_unset=True)
        )
        for name in classes or given
    }
    return {name: info for name, info in infos.items() if info != NOTHING}


def _where(classes: Classes) -> str:
    return "classes" if isinstance(classes, Mapping) else str(classes)


def _class_info(where: str, name: Any, given: Any) -> ClassInfo:
    if not isinstance(name, str):
        raise UserError(f"{where}: the class {name} is not text: write it in quotes.")
    if not isinstance(given, Mapping):
        raise UserError(
            f"{where}: the description of '{name}' must be keys and values, such as "
            "{title: melanoma}, or {} for none."
        )
    return parse(ClassInfo, dict(given), where=f"{where}, class '{name}'")
