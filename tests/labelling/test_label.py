import http.client
import json
import shutil
import signal
from urllib.parse import urlsplit

import pandas as pd
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.errors import UserError
from twinlens.importing.import_images import import_images
from twinlens.labelling.answers import Answers
from twinlens.labelling.label import Labelled, label
from twinlens.splitting.split import split

pytest.importorskip("uvicorn")


@pytest.fixture
def answered(data, tmp_path):
    """A file with the answers to three of the four suggestions."""
    answers = Answers(tmp_path / "labels.sqlite", data)
    answers.give({"photos/7.png": "nevus"})
    answers.give({"photos/2.png": None})
    answers.give({"photos/5.png": "=bcc"})
    answers.close()
    return tmp_path / "labels.sqlite"


def test_labels_go_back_into_the_data_set_and_its_split(data, suggestions, answered, tmp_path):
    (made,) = split(data.path, val=0.5, test=0)
    labels = tmp_path / "labels.csv"
    found = label(suggestions, data.path, out=answered, export=labels, classes=("=bcc",))
    assert found == Labelled(labels=2, cannot_tell=1, total=4)
    written = pd.read_csv(labels, keep_default_na=False)
    assert [*written] == ["image", "label", "cannot_tell", "labelled_at"]
    assert written["label"].tolist() == ["nevus", "", "'=bcc"]
    assert written["cannot_tell"].tolist() == ["", "yes", ""]
    import_images(labels, data.path, add=True, table_only=True)
    grown = open_dataset(data.path)
    assert grown.classes == ["melanoma", "nevus", "=bcc"]
    expected = {**dict(zip(data.table["id"], data.table["label"], strict=True))}
    expected |= {"photos/7.png": "nevus", "photos/5.png": "=bcc"}
    assert (
        grown.table["label"].dropna().to_dict()
        == pd.Series([*expected.values()]).dropna().to_dict()
    )
    assert (grown.images == data.images).all()
    (extended,) = split(data.path, extend=made.name)
    assert {5, 7} <= set(extended.rows["train"].tolist())  # suggested images test nothing
    with pytest.raises(UserError, match="exists already"):
        label(suggestions, data.path, out=answered, export=labels)


def test_label_studio_takes_tasks_and_gives_labels(data, suggestions, answered, tmp_path, capsys):
    tasks, again = tmp_path / "tasks.json", tmp_path / "again.sqlite"
    label(suggestions, data.path, out=answered, export=tasks, classes=("=bcc",))
    assert "<Choices" in capsys.readouterr().err
    found = label(suggestions, data.path, out=again, load=tasks, classes=("=bcc",))
    assert found == Labelled(labels=2, cannot_tell=1, total=4)
    with pytest.raises(UserError, match="says '=bcc'"):
        label(suggestions, data.path, out=again, load=tasks)


@pytest.mark.parametrize("name", ["labels.xlsx", "labels"])
def test_other_kinds_of_files_are_refused(data, suggestions, tmp_path, name):
    with pytest.raises(UserError, match=r"must end in \.csv"):
        label(suggestions, data.path, out=tmp_path / "l.sqlite", export=tmp_path / name)
    assert not (tmp_path / "l.sqlite").exists()


@pytest.mark.parametrize("port", [70000, 1 << 40])
def test_an_impossible_port_is_refused(data, suggestions, tmp_path, port):
    with pytest.raises(UserError, match=f"--port {port} cannot be used"):
        label(suggestions, data.path, out=tmp_path / "l.sqlite", port=port)


class Browser:
    """What a browser does with the address, without its page."""

    def __init__(self, address):
        url = urlsplit(address)
        self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
        self.headers = {"Origin": f"http://{url.netloc}", "Content-Type": "application/json"}
        self.connection.request("GET", f"/?{url.query}")
        response = self.connection.getresponse()
        response.read()
        self.headers["Cookie"] = response.getheader("set-cookie").partition(";")[0]

    def ask(self, path, body=None):
        method = "GET" if body is None else "POST"
        content = None if body is None else json.dumps(body)
        self.connection.request(method, path, content, self.headers)
        return json.loads(self.connection.getresponse().read())


def test_a_kill_between_two_keys_loses_nothing(serving, data, suggestions, tmp_path):
    for number in range(3):
        with serving() as (process, address):
            browser = Browser(address)
            assert browser.ask("/state")["number"] == number
            assert (
                browser.ask("/answer", {"number": number, "label": "nevus"})["done"] == number + 1
            )
            process.send_signal(signal.SIGKILL)
            browser.connection.close()
    copied = shutil.copytree(data.path, tmp_path / "copy")
    found = label(suggestions, copied, out=tmp_path / "labels.sqlite", export=tmp_path / "l.csv")
    assert found == Labelled(labels=3, cannot_tell=0, total=4)


def test_ctrl_c_ends_it_with_a_summary(serving):
    with serving() as (process, address):
        browser = Browser(address)
        browser.ask("/answer", {"number": 0, "label": None})
        browser.connection.close()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(20) == 0
    assert "Next: twinlens label" in rest
    assert "Traceback" not in rest
    assert "token=" not in rest
