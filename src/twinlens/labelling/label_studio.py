"""Label Studio's JSON: tasks with an image and a choice (labelstud.io/guide/task_format)."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from PIL import Image
from pydantic import BaseModel, TypeAdapter, ValidationError

from twinlens import files
from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.labelling.answers import Answer
from twinlens.labelling.queue import CANNOT_TELL, ClassKey, Item

NAME, IMAGE = "label", "image"
"""Names of the control and of the image in the labelling interface."""


class Choice(BaseModel):
    """The value of a result: what was chosen."""

    choices: list[str] = []


class Result(BaseModel):
    """One region or choice of an annotation."""

    from_name: str = NAME
    to_name: str = IMAGE
    type: str = "choices"
    value: Choice


class Annotation(BaseModel):
    """What one person has answered."""

    result: list[Result] = []
    was_cancelled: bool = False


class TaskData(BaseModel):
    """What a task shows: the image, as an address, and its id in the data set."""

    image: str = ""
    image_id: str


class Task(BaseModel):
    """A task."""

    data: TaskData
    annotations: list[Annotation] = []


_TASKS = TypeAdapter(list[Task])


def write_tasks(
    path: Path, data: Dataset, queue: Sequence[Item], answers: Mapping[str, Answer]
) -> None:
    """Write tasks, with the answers that there are as annotations.

    The image is the original, by the address that Label Studio gives to files below the root of
    its local storage, here ``/``; where it is not known, the packed image itself.
    """
    tasks = []
    for item in queue:
        annotations = []
        if item.id in answers:
            value = Choice(choices=[answers[item.id].label or CANNOT_TELL])
            annotations.append(Annotation(result=[Result(value=value)]))
        shown = TaskData(image=_address(data, item), image_id=item.id)
        tasks.append(Task(data=shown, annotations=annotations))
    files.write_json(path, [task.model_dump() for task in tasks])


def labelling_interface(classes: Sequence[ClassKey]) -> str:
    """Return the labelling interface, in XML, to paste into the project's settings."""
    lines = [
        f"    <Choice value={quoteattr(name)} hotkey={quoteattr(key)}/>"
        for name, key in [*((c.name, c.key) for c in classes), (CANNOT_TELL, "0")]
    ]
    return "\n".join(
        [
            "<View>",
            f'  <Image name="{IMAGE}" value="$image" zoom="true"/>',
            f'  <Choices name="{NAME}" toName="{IMAGE}" choice="single" required="true">',
            *lines,
            "  </Choices>",
            "</View>",
        ]
    )


def read_tasks(path: Path, data: Dataset, classes: Sequence[ClassKey]) -> dict[str, str | None]:
    """Read the answers of completed tasks, by image; None is "cannot tell".

    Of several annotations the last one that was not cancelled counts; tasks without are left out.

    Raises:
        UserError: The file is no such export, or names another image or class.
    """
    try:
        tasks = _TASKS.validate_python(files.read_json(path))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])) or "the top"
        raise UserError(
            f"{path} is no JSON export of Label Studio with our tasks ({place}: "
            f"{problem['msg'][:1].lower()}{problem['msg'][1:]}): export as 'JSON', not 'JSON-MIN'."
        ) from error
    known, names = set(data.table["id"]), {key.name for key in classes}
    answers: dict[str, str | None] = {}
    for task in tasks:
        image, chosen = task.data.image_id, _chosen(task)
        if chosen is None:
            continue
        if image not in known:
            raise UserError(f"{path} names the image '{image}', which {data.path} lacks.")
        if chosen not in names | {CANNOT_TELL}:
            raise UserError(
                f"{path} says '{chosen}' for the image '{image}', which is no class here: add it "
                "with --class NAME."
            )
        answers[image] = None if chosen == CANNOT_TELL else chosen
    return answers


def _chosen(task: Task) -> str | None:
    for annotation in reversed(task.annotations):
        for result in annotation.result:
            if not annotation.was_cancelled and result.value.choices:
                return result.value.choices[0]
    return None


def _address(data: Dataset, item: Item) -> str:
    if item.file is not None:
        return "/data/local-files/?d=" + quote(item.file.resolve().as_posix().lstrip("/"))
    content = BytesIO()
    Image.fromarray(data.images[item.row]).save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
