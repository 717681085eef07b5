import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from twinlens.errors import UserError
from twinlens.importing.decode import ImageError
from twinlens.inference import remote
from twinlens.inference.image_list import find_images
from twinlens.inference.predict_files import predict
from twinlens.inference.remote import image_urls, read_url
from twinlens.remote_files import is_url

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory():
    """A function that writes a file of fsspec's memory."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield lambda path, content: files.pipe_file(path, content)
    files.store.clear()


@pytest.fixture
def site(tmp_path):
    """The address of a server of the folder; what is called "locked" may not be read."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            if "locked" in self.path:
                self.send_error(403)
            else:
                super().do_GET()

        def log_message(self, *_):
            pass

    handler = partial(Handler, directory=tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_what_is_a_url():
    assert all(map(is_url, ["https://a/b.png", "S3://a", "memory://x", "gs+x.y-1://a"]))
    assert not any(map(is_url, ["photos/a.png", "C:\\a.png", "/a://b", "https:/a", None]))


def test_files_folders_patterns_and_tables_of_another_file_system(memory):
    for name in ("a/1.png", "a/deep/2.jpg", "a/notes.txt", "a/.hidden.png", "b/3.png"):
        memory(f"/{name}", name.encode())
    assert image_urls("memory://a") == ["memory:///a/1.png", "memory:///a/deep/2.jpg"]
    assert image_urls("memory://*/?.png") == ["memory:///a/1.png", "memory:///b/3.png"]
    assert image_urls("memory://a/1.png") is None
    assert read_url("memory://a/1.png") == b"a/1.png"
    memory("/list.csv", b"file,lesion\nb/3.png,x\nmemory://a/1.png,y\n")
    found = find_images("memory://list.csv", "lesion")
    assert [(str(each), each.group) for each in found] == [
        ("memory://b/3.png", "x"),
        ("memory://a/1.png", "y"),
    ]


def test_images_are_predicted_from_the_web_as_from_the_disk(small_model, draw, tmp_path, site):
    files = [draw(tmp_path / "photos" / f"{number}.png", number) for number in range(3)]
    draw(tmp_path / "photos" / "locked.png")
    (tmp_path / "list.csv").write_text(
        "file\nphotos/0.png\nphotos/none.png\nphotos/locked.png\nphotos/1.png?size=8\n"
        "http://127.0.0.1:9/a.png\n"
    )
    here = predict(small_model, files, device="cpu").filter(like="p_").to_numpy()
    listed = [f"{site}/photos/{number}.png" for number in range(3)]
    folder = predict(small_model, f"{site}/photos/", device="cpu")
    assert folder["file"].tolist() == [*listed, f"{site}/photos/locked.png"]
    np.testing.assert_allclose(folder.filter(like="p_")[:3], here, atol=1e-6)
    table = predict(small_model, f"{site}/list.csv", device="cpu")
    np.testing.assert_allclose(table.filter(like="p_").loc[[0, 3]], here[:2], atol=1e-6)
    ok, gone, locked, ok_too, nowhere = table["error"]
    assert ok is ok_too is None
    assert gone == "no such file"
    assert locked.startswith("cannot be read (403")
    assert nowhere.startswith("cannot be read (Cannot connect to host 127.0.0.1:9")


def test_what_cannot_be_listed_is_a_sentence(site, monkeypatch):
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9/a/ cannot be listed \(.+\)\."):
        find_images("http://127.0.0.1:9/a/")
    with pytest.raises(UserError, match=r"none\.csv cannot be used: no such file\."):
        find_images(f"{site}/none.csv")
    with pytest.raises(UserError, match=r"nothing://a\.png cannot be used: .*nothing"):
        find_images("nothing://a.png")
    with pytest.raises(ImageError, match="no such file"):
        read_url("memory://none.png")

    def missing(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(
        UserError, match=r"s3:// needs another package: Install s3fs to access S3\."
    ):
        find_images("s3://bucket/a.png")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UserError, match=r"needs the package 'fsspec' .*twinlens\[remote\]"):
        remote.read_url("https://a/b.png")
