"""Photos from a Dataverse server, which a local one plays."""

import hashlib
import io
import json
import re
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from examples import fetch_flowers as fetching
from examples.fetch_flowers import DownloadError, fetch_flowers
from tests.examples.packed import contents, special, tar_of, zip_of

FILE_ID = 17
FILES = {
    f"flowers/photos/{kind}/{i}.jpg": f"{kind} {i}".encode() for kind in ("rose", "tulip") for i in range(3)
}


class Dataverse(ThreadingHTTPServer):
    """A server that answers the two requests a download takes, with faults on demand."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.missing = self.breaking = False
        self.file: dict[str, object] = {}
        self.offer(zip_of(FILES))

    def offer(self, body: bytes, algorithm: str = "MD5") -> None:
        digest = hashlib.new(algorithm.replace("-", ""), body).hexdigest()
        self.body = body
        self.file |= {"checksum": {"type": algorithm, "value": digest}, "filesize": len(body)}


class Answer(BaseHTTPRequestHandler):
    server: Dataverse

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.headers["User-Agent"].startswith(("python-requests", "Python-urllib")):
            self.reply(403, b"Forbidden")
        elif self.server.missing:
            self.reply(404, b'{"status": "ERROR", "message": "File 17 not found."}')
        elif re.fullmatch(r"/api/files/\d+", self.path):
            answer = {"status": "OK", "data": {"label": "x", "dataFile": self.server.file}}
            self.reply(200, json.dumps(answer).encode())
        elif re.fullmatch(r"/api/access/datafile/\d+", self.path):
            self.reply(200, self.server.body, len(self.server.body) // 2 if self.server.breaking else None)

    def reply(self, status: int, body: bytes, send_only: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:send_only])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dataverse]:
    pytest.importorskip("requests")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Dataverse() as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture
def fetch(server: Dataverse, tmp_path: Path) -> Callable[..., Path]:
    return lambda **options: fetch_flowers(tmp_path / "cache", server=server.url, file_id=FILE_ID, **options)


EXPECTED = {name.removeprefix("flowers/photos/"): content for name, content in FILES.items()}


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-1", "SHA-256", "SHA-512"])
@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_photos_are_fetched_once_and_then_found_offline(
    pack: Callable[[dict[str, bytes]], bytes], algorithm: str, server: Dataverse, fetch: Callable[..., Path]
) -> None:
    server.offer(pack(FILES), algorithm)
    folder = fetch()
    assert folder.name == "photos"
    assert contents(folder) == EXPECTED
    server.missing = True
    asked = len(server.asked)
    assert fetch() == folder
    assert len(server.asked) == asked


def test_an_unreachable_server_is_an_error_but_no_hindrance_to_cached_photos(
    server: Dataverse, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    folder = fetch()
    server.server_close()
    server.shutdown()
    assert fetch() == folder
    with pytest.raises(DownloadError, match="network connection") as caught:
        fetch_flowers(tmp_path / "elsewhere", server=server.url, file_id=FILE_ID)
    assert isinstance(caught.value, OSError)
    assert caught.value.url == f"{server.url}/api/files/{FILE_ID}"


def missing(server: Dataverse) -> None:
    server.missing = True


def breaking(server: Dataverse) -> None:
    server.breaking = True


def wrong_checksum(server: Dataverse) -> None:
    server.body = server.body[:-1] + b"?"


def no_archive(server: Dataverse) -> None:
    server.offer(b"<html>Please log in</html>")


def no_checksum(server: Dataverse) -> None:
    server.file["checksum"] = {"type": "CRC32", "value": "0"}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (missing, "HTTP 404, saying 'File 17 not found.'.*Check server and file_id"),
        (breaking, "transfer failed.*call again"),
        (wrong_checksum, "checksum that the server announced"),
        (no_archive, "cannot be unpacked"),
        (no_checksum, "no description of a file"),
    ],
)
def test_a_fault_leaves_nothing_behind_and_passes(
    fault: Callable[[Dataverse], None],
    message: str,
    server: Dataverse,
    fetch: Callable[..., Path],
    tmp_path: Path,
) -> None:
    fault(server)
    with pytest.raises(DownloadError, match=message):
        fetch()
    assert contents(tmp_path) == {}
    server.missing = server.breaking = False
    server.offer(zip_of(FILES))
    assert contents(fetch()) == EXPECTED


HARMFUL = {
    "zip slip": zip_of(FILES | {"../../../escaped.jpg": b"!", "/escaped.jpg": b"!", "..\\escaped.jpg": b"!"}),
    "tar slip": tar_of(FILES | {"photos/../../../escaped.jpg": b"!"}),
    "absolute": tar_of(FILES | {"/escaped.jpg": b"!"}),
    "link": tar_of(FILES, special("escaped", tarfile.SYMTYPE, "../../..")),
    "device": tar_of(FILES, special("pipe", tarfile.CHRTYPE)),
    "nothing": zip_of({}),
    "cut": tar_of({"a": np.random.default_rng(0).bytes(9_000)})[:-4_000],
    "large": zip_of({"bomb.jpg": bytes(30_000)}),
}


@pytest.mark.parametrize("archive", HARMFUL)
def test_nothing_is_ever_written_outside(
    archive: str, server: Dataverse, fetch: Callable[..., Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(fetching, "MAX_BYTES", 20_000)
    server.offer(HARMFUL[archive])
    try:
        folder = fetch()
    except DownloadError as error:
        assert "cannot be unpacked" in str(error)  # noqa: PT017 - allowed, not required
        assert contents(tmp_path) == {}
    else:
        (entry,) = (tmp_path / "cache").iterdir()
        assert all(path.is_relative_to(entry) for path in tmp_path.rglob("*") if path.is_file())
        assert folder.is_relative_to(entry)
        assert not any(path.is_symlink() for path in entry.rglob("*"))


def test_an_interrupted_unpacking_is_not_taken_for_a_whole_one(
    monkeypatch: pytest.MonkeyPatch, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    def interrupted(archive: Path, target: Path, url: str) -> None:
        target.mkdir(parents=True)
        (target / "half.jpg").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "_unpack", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch()
    assert contents(tmp_path) == {}
    assert contents(fetch()) == EXPECTED


def test_photos_lost_from_the_cache_are_fetched_again(fetch: Callable[..., Path]) -> None:
    folder = fetch()
    next(folder.rglob("*.jpg")).unlink()
    assert fetch() == folder
    assert contents(folder) == EXPECTED


def test_calls_at_the_same_time_do_no_harm(
    server: Dataverse, fetch: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier = threading.Barrier(4)
    original = fetching._put_in_place

    winners: set[int] = set()

    def together(whole: Path, target: Path, source: str) -> None:
        barrier.wait(timeout=20)
        original(whole, target, source)
        winners.add(target.stat().st_ino)

    monkeypatch.setattr(fetching, "_put_in_place", together)
    found: list[dict[str, bytes]] = []
    threads = [threading.Thread(target=lambda: found.append(contents(fetch()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [EXPECTED] * 4
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert len(winners) == 1  # what the first put there, the others left alone


def test_two_files_of_one_server_are_kept_apart(server: Dataverse, tmp_path: Path) -> None:
    first = fetch_flowers(tmp_path, server=server.url, file_id=1)
    server.offer(zip_of({"daisy/1.jpg": b"d", "rose/1.jpg": b"r"}))
    second = fetch_flowers(tmp_path, server=server.url + "/", file_id=2)
    assert contents(first) == EXPECTED
    assert contents(second) == {"daisy/1.jpg": b"d", "rose/1.jpg": b"r"}


def test_photos_go_to_the_users_cache_by_default(
    server: Dataverse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: tmp_path / name)
    assert fetch_flowers(server=server.url).is_relative_to(tmp_path / "gmmaug-plugin")
    assert server.asked == ["/api/files/4105627", "/api/access/datafile/4105627"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_unless_quiet(
    monkeypatch: pytest.MonkeyPatch, server: Dataverse, tmp_path: Path
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for quiet in (True, False):
        monkeypatch.setattr(sys, "stderr", terminal := Terminal())
        fetch_flowers(tmp_path / str(quiet), server=server.url, file_id=FILE_ID, quiet=quiet)
        assert ("MB/s" in terminal.getvalue()) is not quiet
        assert (terminal.getvalue() == "") is quiet


def test_nothing_is_printed_when_piped(fetch: Callable[..., Path], capfd: pytest.CaptureFixture[str]) -> None:
    fetch()
    assert capfd.readouterr() == ("", "")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(ImportError, match=r'pip install "gmmaug-plugin\[datasets\]"'):
        fetch_flowers(tmp_path)


@pytest.mark.parametrize(
    "server_name", ["dataverse.harvard.edu", "ftp://x.org", "https://", "https://x.org?a=b"]
)
def test_bad_servers_are_refused(server_name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Received: "):
        fetch_flowers(tmp_path, server=server_name)


def test_bad_file_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"file_id must .* Received: '4105627'"):
        fetch_flowers(tmp_path, file_id="4105627")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"rose/1.jpg": b"", "tulip/1.jpg": b""}, "files"),
        ({"photos/1.jpg": b""}, "files/photos"),
        ({"photos/rose/1.jpg": b""}, "files/photos"),
        ({"photos/rose/1.jpg": b"", "photos/readme.txt": b""}, "files/photos"),
        ({"photos/rose/1.jpg": b"", "__MACOSX/photos/rose/._1.jpg": b""}, "files/photos"),
        ({"a/b/train/rose/1.jpg": b"", "a/b/test/rose/2.jpg": b""}, "files/a/b"),
    ],
)
def test_outer_folders_are_left_behind(
    files: dict[str, bytes], expected: str, server: Dataverse, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    server.offer(zip_of(files))
    folder = fetch()
    (entry,) = (tmp_path / "cache").iterdir()
    assert folder == entry / expected
