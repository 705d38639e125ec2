"""The download, from a local HTTP server in place of Dataverse."""

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from examples.fetch_flowers import FILE_ID, fetch_flowers

PHOTOS = {"rose/1.jpg": b"one", "tulip/2.jpg": b"two"}


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in PHOTOS.items():
            packed.writestr(name, content)
    return file.getvalue()


class Dataverse(BaseHTTPRequestHandler):
    """The server's two answers; like Harvard's firewall, it refuses the default user agents."""

    def do_GET(self) -> None:
        refused = self.headers["User-Agent"].startswith(("python-requests", "Python-urllib"))
        self.send_response(403 if refused else 200)
        self.end_headers()
        self.wfile.write(self.server.answers[self.path])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    content = archive()
    description = {"data": {"dataFile": {"md5": hashlib.md5(content).hexdigest()}}}
    with HTTPServer(("127.0.0.1", 0), Dataverse) as served:
        served.answers = {
            f"/api/files/{FILE_ID}": json.dumps(description).encode(),
            f"/api/access/datafile/{FILE_ID}": content,
        }
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def address(server: HTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def test_photos_are_downloaded_and_unpacked_once(server: HTTPServer, tmp_path: Path) -> None:
    for _ in range(2):
        folder = fetch_flowers(tmp_path, server=address(server))
        found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.jpg")}
        assert {name: path.read_bytes() for name, path in found.items()} == PHOTOS
        server.answers.clear()  # the second call gets no answer


def test_a_download_with_another_hash_is_refused(server: HTTPServer, tmp_path: Path) -> None:
    server.answers[f"/api/access/datafile/{FILE_ID}"] += b"?"
    with pytest.raises(ValueError, match="hash of downloaded file"):
        fetch_flowers(tmp_path, server=address(server))
    assert not list(tmp_path.iterdir())
