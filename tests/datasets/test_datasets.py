"""Drawn flowers, photos from a Dataverse server (played by a local one), and archives nobody should trust."""

import contextlib
import hashlib
import io
import json
import logging
import re
import sys
import tarfile
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import RidgeClassifier

from gmmaug_plugin.datasets import DownloadError, fetch_flowers, fetching, make_flowers
from gmmaug_plugin.datasets.archives import ArchiveError, unpack

FILE_ID = 17
FILES = {
    f"flowers/photos/{kind}/{i}.jpg": f"{kind} {i}".encode() for kind in ("rose", "tulip") for i in range(3)
}


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # duplicate names are what some tests want
        for name, content in files.items():
            with archive.open(name, "w") as member:  # unlike writestr, this takes an empty name
                member.write(content)
    return buffer.getvalue()


def tar_of(files: dict[str, bytes], *extra: tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)
    return buffer.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zip_with_symlink() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("photos/link.jpg")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


class Dataverse(ThreadingHTTPServer):
    """A server that answers the two requests a download takes, with faults on demand."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.missing = self.breaking = False
        self.file = {"filename": "flowers.zip"}
        self.offer(zip_of(FILES))

    def offer(self, body: bytes, algorithm: str = "MD5") -> None:
        digest = hashlib.new(algorithm.replace("-", ""), body).hexdigest()
        self.body = body
        self.file["checksum"] = {"type": algorithm, "value": digest}


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
    pytest.importorskip("pooch")
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


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


EXPECTED = {name.removeprefix("flowers/photos/"): content for name, content in FILES.items()}


# Drawn flowers


def test_flowers_are_balanced_named_and_grayscale() -> None:
    images, labels, names = make_flowers(23, image_size=24)
    assert images.shape == (23, 24, 24)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
    assert names == ("daisy", "dandelion", "rose", "sunflower", "tulip")
    assert np.bincount(labels).tolist() == [5, 5, 5, 4, 4]
    _, labels, names = make_flowers(5, image_size=24, n_classes=2)
    assert labels.tolist() == [0, 1, 0, 1, 0]
    assert names == ("daisy", "dandelion")


def test_a_picture_depends_on_seed_and_index_alone() -> None:
    few, many = make_flowers(7, image_size=20)[0], make_flowers(12, image_size=20)[0]
    np.testing.assert_array_equal(many[:7], few)
    other = make_flowers(7, image_size=20, random_state=1)[0]
    assert all((a != b).any() for a, b in zip(few, other, strict=True))
    unseeded = [make_flowers(2, image_size=20, random_state=None)[0] for _ in range(2)]
    assert (unseeded[0] != unseeded[1]).any()


def test_drawing_leaves_the_global_random_state_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_flowers(2, image_size=16, random_state=None)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_pictures_vary_and_show_their_class() -> None:
    images, labels, _ = make_flowers(500, image_size=32)
    assert images.std(axis=(1, 2)).min() > 8
    flat = images.reshape(len(images), -1).astype(float)
    distances = np.linalg.norm(flat[:50, None] - flat[None, :50], axis=2) / 32
    assert distances[~np.eye(50, dtype=bool)].min() > 10
    # The spectrum knows neither place nor light: what it tells apart must be the flowers' shapes.
    features = np.log(
        np.abs(np.fft.rfft2(images / 255.0 - images.mean(axis=(1, 2), keepdims=True) / 255.0)) + 0.1
    )
    features = features.reshape(len(images), -1)
    classifier = RidgeClassifier(alpha=30.0).fit(features[:400], labels[:400])
    assert classifier.score(features[400:], labels[400:]) > 0.45


@pytest.mark.parametrize("image_size", [16, 17, 97])
def test_every_size_can_be_drawn(image_size: int) -> None:
    images = make_flowers(25, image_size=image_size, random_state=3)[0]
    assert images.std(axis=(1, 2)).min() > 4


@pytest.mark.parametrize(
    "options",
    [
        {"n_samples": 0},
        {"n_samples": 2.5},
        {"n_samples": True},
        {"image_size": 8},
        {"n_classes": 6},
        {"n_classes": 0},
        {"random_state": -1},
        {"random_state": "0"},
    ],
)
def test_bad_arguments_are_named(options: dict[str, object]) -> None:
    (name, value), *_ = options.items()
    with pytest.raises(ValueError, match=rf"^{name} must .* Received: {value!r}$"):
        make_flowers(**options)  # type: ignore[arg-type]


# Photos


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


def zip_slip(server: Dataverse) -> None:
    server.offer(zip_of(FILES | {"../escaped.jpg": b"!"}))


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
        (zip_slip, r"member outside its folder: '\.\./escaped\.jpg'"),
        (no_archive, "neither zip nor tar"),
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


def test_an_interrupted_unpacking_is_not_taken_for_a_whole_one(
    monkeypatch: pytest.MonkeyPatch, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    def interrupted(archive: Path, target: Path) -> None:
        target.mkdir(parents=True)
        (target / "half.jpg").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "unpack", interrupted)
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
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / name)
    assert fetch_flowers(server=server.url).is_relative_to(tmp_path / "gmmaug-plugin")
    assert server.asked == ["/api/files/4105627", "/api/access/datafile/4105627"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_unless_quiet(
    monkeypatch: pytest.MonkeyPatch, fetch: Callable[..., Path], server: Dataverse, tmp_path: Path
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for quiet in (True, False):
        monkeypatch.setattr(sys, "stderr", terminal := Terminal())
        fetch_flowers(tmp_path / str(quiet), server=server.url, file_id=FILE_ID, quiet=quiet)
        n_bytes = len(server.body)
        assert (f"{n_bytes}/{n_bytes} bytes" in terminal.getvalue()) is not quiet
        assert (terminal.getvalue() == "") is quiet


def test_nothing_is_printed_or_logged_when_piped(
    fetch: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    import pooch

    handler = logging.StreamHandler(said := io.StringIO())
    pooch.get_logger().addHandler(handler)
    try:
        fetch()
        assert said.getvalue() == ""
        pooch.get_logger().info("other uses of pooch keep their messages")
        assert "other uses" in said.getvalue()
    finally:
        pooch.get_logger().removeHandler(handler)
    assert capfd.readouterr().out == ""


def test_a_missing_pooch_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r'pip install "gmmaug-plugin\[datasets\]"'):
        fetch_flowers()


@pytest.mark.parametrize(
    "server_name", ["dataverse.harvard.edu", "ftp://x.org", "https://", "https://x.org?a=b"]
)
def test_bad_servers_are_refused(server_name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Received: "):
        fetch_flowers(tmp_path, server=server_name)


def test_bad_file_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"file_id must .* Received: '4105627'"):
        fetch_flowers(tmp_path, file_id="4105627")  # type: ignore[arg-type]


# Archives


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (zip_of({"/absolute.jpg": b"!"}), "outside"),
        (zip_of({"a\\..\\..\\escaped.jpg": b"!"}), "outside"),
        (zip_of({"C:\\escaped.jpg": b"!"}), "outside"),
        (tar_of({"photos/../../escaped.jpg": b"!"}), "outside"),
        (tar_of({}, special("link", tarfile.SYMTYPE, "/etc")), "link or a device"),
        (tar_of({"a": b"!"}, special("b", tarfile.LNKTYPE, "a")), "link or a device"),
        (tar_of({}, special("pipe", tarfile.FIFOTYPE)), "link or a device"),
        (zip_with_symlink(), "link or a device"),
        (zip_of({"bomb": bytes(30_000)}), "more than is allowed"),
        (tar_of({"a": bytes(11_000), "b": bytes(11_000)}), "more than is allowed"),
        (zip_of({f"{i}": b"" for i in range(40)}), "more than 30 members"),
        (tar_of({f"{i}": b"" for i in range(40)}), "more than 30 members"),
        (tar_of({"a": b"1", "./a": b"2"}), "cannot be unpacked"),
        (tar_of({"a": b"1", "a/b": b"2"}), "cannot be unpacked"),
        (tar_of({"a": np.random.default_rng(0).bytes(9_000)})[:-4_000], "cannot be unpacked"),
        (zip_of({}), "no files"),
        (b"", "neither"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_harmful_and_broken_archives_are_refused(archive: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(archive)
    with pytest.raises(ArchiveError, match=message):
        unpack(tmp_path / "archive", tmp_path / "deep" / "er", max_bytes=20_000, max_members=30)
    assert not list(tmp_path.glob("**/escaped.jpg"))


def test_what_macos_adds_is_left_out(tmp_path: Path) -> None:
    files = {"rose/1.jpg": b"1", "__MACOSX/rose/._1.jpg": b"x", "rose/._1.jpg": b"x"}
    (tmp_path / "archive").write_bytes(zip_of(files))
    unpack(tmp_path / "archive", tmp_path / "out")
    assert contents(tmp_path / "out") == {"rose/1.jpg": b"1"}


names = st.lists(st.sampled_from(["..", ".", "", "a", "b", "C:", " "]), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(
    paths=st.lists(st.tuples(names, st.sampled_from(["/", "\\"])), min_size=1, max_size=4),
    zipped=st.booleans(),
)
def test_nothing_is_ever_written_outside(
    paths: list[tuple[list[str], str]], zipped: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = {separator.join(parts): b"x" for parts, separator in paths}
    outside = tmp_path_factory.mktemp("outside")
    target = outside / "1" / "2" / "3" / "4" / "5" / "6"
    (outside / "archive").write_bytes(zip_of(files) if zipped else tar_of(files))
    with contextlib.suppress(ArchiveError):
        unpack(outside / "archive", target)
    written = {path for path in outside.rglob("*") if path.is_file()} - {outside / "archive"}
    assert all(path.is_relative_to(target) for path in written)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"rose/1.jpg": b"", "tulip/1.jpg": b""}, "files"),
        ({"photos/1.jpg": b""}, "files/photos"),
        ({"photos/rose/1.jpg": b""}, "files/photos"),
        ({"photos/rose/1.jpg": b"", "photos/readme.txt": b""}, "files/photos"),
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
