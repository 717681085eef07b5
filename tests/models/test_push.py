import base64
import json
import resource
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from huggingface_hub import constants

from twinlens.errors import UserError
from twinlens.models.bundle import load_bundle, load_index, save_bundle
from twinlens.models.embedding_index import EmbeddingIndex
from twinlens.models.encoders import build_encoder
from twinlens.models.ensemble import read_members, write_ensemble
from twinlens.models.heads import classifier
from twinlens.models.push import push


@pytest.fixture
def model(tiny, make_info, tmp_path):
    index = EmbeddingIndex(np.eye(2), ["a", "b"], ["MEL", "NV"])
    encoder, head = build_encoder(tiny, seed=0), classifier(4, 2, seed=0)
    save_bundle(tmp_path / "model", encoder, head, make_info(unlike_threshold=0.5), index)
    (tmp_path / "model" / "private notes.txt").write_text("not for others")
    return tmp_path / "model"


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as its client needs to make a repository and commit small files."""

    def do_GET(self):
        hub = self.server
        self.reply({"id": "me/model", "private": hub.is_private, "siblings": [], "sha": "0" * 40})

    def do_POST(self):
        hub, content = self.server, self.rfile.read(int(self.headers["Content-Length"]))
        hub.asked.append((self.path, self.headers["Authorization"]))
        if hub.refuses and hub.refuses in self.path:
            self.reply({"error": "You don't have the rights"}, 403)
        elif self.path == "/api/repos/create":
            wanted = json.loads(content)  # older clients say "private"
            hub.is_private |= wanted.get("visibility") == "private" or bool(wanted.get("private"))
            self.reply({"url": f"{hub.address}/me/model", "id": "me/model"})
        elif "/preupload/" in self.path:
            files = json.loads(content)["files"]
            regular = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
            self.reply({"files": [{"path": file["path"], **regular} for file in files]})
        elif "/commit/" in self.path:
            for line in map(json.loads, content.splitlines()):
                if line["key"] == "file":
                    file = line["value"]
                    hub.files[file["path"]] = base64.b64decode(file["content"])
            commit = f"{hub.address}/me/model/commit/{'1' * 40}"
            self.reply({"success": True, "commitOid": "1" * 40, "commitUrl": commit})
        else:
            self.reply({"errors": [], "warnings": []})

    def reply(self, content, code=200):
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    hub.address = f"http://127.0.0.1:{hub.server_port}"
    hub.asked, hub.files, hub.is_private, hub.refuses = [], {}, False, None
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    yield hub
    hub.shutdown()
    hub.server_close()


def read_all(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def unpack(hub, folder):
    for name, content in hub.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_what_is_uploaded_is_the_model_and_nothing_else(server, model, tmp_path, capsys):
    assert push(model, "me/model", private=True) == f"{server.address}/me/model"
    assert server.is_private
    names = ["README.md", "bundle.json", "index.safetensors", "model.safetensors"]
    assert sorted(server.files) == names
    assert all(token == "Bearer hf_secret" for _, token in server.asked)
    assert "see that no id names a person" in capsys.readouterr().err
    assert load_bundle(unpack(server, tmp_path / "copy")).info == load_bundle(model).info


def test_an_ensemble_can_go_without_its_index(server, model, tmp_path):
    (tmp_path / "both").mkdir()
    write_ensemble(tmp_path / "both", {"one": model, "two": model}, temperature=2.0)
    push(tmp_path / "both", "me/model", without_index=True)
    assert not [name for name in server.files if "index" in name]
    copy = unpack(server, tmp_path / "copy")
    for folder, info in read_members(copy).items():
        assert load_index(folder, load_bundle(folder).info) is None
        assert info.unlike_threshold is None
    assert "index.safetensors" not in (copy / "members" / "one" / "README.md").read_text()
    assert load_bundle(model).info.unlike_threshold == 0.5


def test_a_public_repository_does_not_become_private_unnoticed(server, model, monkeypatch):
    monkeypatch.setattr(Hub, "do_GET", lambda self: self.reply({"id": "a", "private": False}))
    with pytest.raises(UserError, match="me/model is public: make it private there"):
        push(model, "me/model", private=True)
    assert not server.files


def test_a_damaged_model_is_refused_before_anything_is_asked(server, model):
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="is damaged, or of another model"):
        push(model, "me/model")
    assert not server.asked


def test_a_copy_that_does_not_fit_is_a_sentence_and_nothing_is_uploaded(server, model):
    before, (soft, hard) = read_all(model), resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
        with pytest.raises(UserError, match=r"was not uploaded to .*File too large"):
            push(model, "me/model", without_index=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not server.files
    assert read_all(model) == before


def test_what_goes_wrong_is_a_sentence(server, model, monkeypatch):
    with pytest.raises(UserError, match="model names no repository: write OWNER/NAME"):
        push(model, "model")
    with pytest.raises(UserError, match=r"was not uploaded to .*: Repo id must"):
        push(model, "me/-model-")
    server.refuses = "/commit/"
    with pytest.raises(UserError, match=r"was not uploaded to .*/me/model: .*403"):
        push(model, "me/model")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"was not uploaded to .*offline"):
        push(model, "me/model")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        UserError, match=r"was not uploaded to http://127\.0\.0\.1:9/me/model: .*refused"
    ):
        push(model, "me/model")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(model / "none"))
    with pytest.raises(UserError, match="no token of the Hugging Face Hub: run 'hf auth login'"):
        push(model, "me/model")
