import base64
import json
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from twinlens.errors import UserError
from twinlens.labelling.answers import Answer
from twinlens.labelling.label_studio import labelling_interface, read_tasks, write_tasks
from twinlens.labelling.queue import class_keys, read_queue


@pytest.fixture
def written(data, suggestions, tmp_path):
    queue = read_queue(suggestions, data)
    answers = {queue[0].id: Answer("nevus", "now"), queue[2].id: Answer(None, "now")}
    write_tasks(tmp_path / "tasks.json", data, queue, answers)
    return tmp_path / "tasks.json"


def test_tasks_name_the_images_and_come_back(written, data, tmp_path):
    tasks = json.loads(written.read_text())
    assert tasks[0]["data"]["image"].endswith(f"?d={str(tmp_path)[1:]}/photos/7.png")
    prefix, _, content = tasks[3]["data"]["image"].partition(",")
    assert prefix == "data:image/png;base64"
    shown = Image.open(BytesIO(base64.b64decode(content)))
    assert (np.array(shown) == data.images[3]).all()
    assert [len(task["annotations"]) for task in tasks] == [1, 0, 1, 0]
    answers = read_tasks(written, data, class_keys(data, []))
    assert answers == {"photos/7.png": "nevus", "photos/5.png": None}


def completed(*choices, **options):
    """A task as Label Studio exports it, with much that is not ours."""
    result = [
        {
            "id": "x1",
            "from_name": "label",
            "to_name": "image",
            "type": "choices",
            "origin": "manual",
            "value": {"choices": [choice]},
        }
        for choice in choices
    ]
    annotation = {"id": 3, "completed_by": 1, "lead_time": 2.5, "result": result, **options}
    data = {"image": "/data/upload/1.png", "image_id": "photos/2.png"}
    return {"id": 1, "data": data, "annotations": [annotation], "predictions": [], "project": 1}


def test_the_last_annotation_that_was_not_cancelled_counts(data, tmp_path):
    task = completed("melanoma")
    task["annotations"] += completed("nevus")["annotations"]
    task["annotations"] += completed("melanoma", was_cancelled=True)["annotations"]
    (tmp_path / "t.json").write_text(json.dumps([task, {**completed(), "annotations": []}]))
    assert read_tasks(tmp_path / "t.json", data, class_keys(data, [])) == {"photos/2.png": "nevus"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("{}", "the top: input should be a valid list"),
        ('[{"id": 1, "image": "x", "label": "nevus"}]', "export as 'JSON', not 'JSON-MIN'"),
        (json.dumps([completed("bcc")]), "says 'bcc'.*--class NAME"),
        (json.dumps([completed("nevus")]).replace("photos/2", "photos/9"), "lacks"),
    ],
)
def test_files_that_are_refused(data, tmp_path, content, message):
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(UserError, match=message):
        read_tasks(tmp_path / "t.json", data, class_keys(data, []))


def test_the_interface_lists_the_classes(data):
    text = labelling_interface(class_keys(data, ['a "b" & <c>']))
    choices = [choice.attrib for choice in ElementTree.fromstring(text).iter("Choice")]
    assert [choice["value"] for choice in choices] == [
        "melanoma",
        "nevus",
        'a "b" & <c>',
        "cannot tell",
    ]
    assert [choice["hotkey"] for choice in choices] == ["1", "2", "3", "0"]
