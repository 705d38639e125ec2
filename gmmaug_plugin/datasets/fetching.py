"""The photos this project began with, fetched from Harvard Dataverse."""

import json
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.datasets.archives import ArchiveError, innermost_folder, unpack
from gmmaug_plugin.extras import require

if TYPE_CHECKING:
    from rich.progress import Progress

# Harvard's firewall turns away the default user agents of Python's HTTP libraries.
USER_AGENT: Final = "gmmaug-plugin"
TIMEOUT_SECONDS: Final = 60
CHUNK_BYTES: Final = 1 << 18
# Checksum types as Dataverse names them, and their names in hashlib.
HASHES: Final = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
RECEIPT: Final = "receipt.json"

BY_HAND: Final = "Download it in a browser, unpack it and use that folder instead."


class DownloadError(OSError):
    """The photos could not be fetched; the message says what happened, where, and what to do.

    Attributes:
        url: The address that was asked.
    """

    url: str = ""


def fetch_flowers(
    cache_dir: str | os.PathLike[str] | None = None,
    *,
    server: str = "https://dataverse.harvard.edu",
    file_id: int = 4105627,
    quiet: bool = False,
) -> Path:
    """Fetch flower photos from a Dataverse server, once, and return the folder they lie in.

    The archive's name and checksum come from the server's native API, the download is checked against that
    checksum, and the unpacked photos appear in the cache as a whole or not at all. Later calls need no
    network, and several calls at a time do no harm.

    A progress bar is shown on a terminal. Needs ``pip install "gmmaug-plugin[datasets]"``.

    Args:
        cache_dir: Where to keep the photos; by default the user's cache folder.
        server: Address of the Dataverse installation, beginning with http:// or https://.
        file_id: Number of a zip or tar archive on that server.
        quiet: Never show the progress bar.

    Returns:
        The folder with the photos, without outer folders that hold nothing but one further folder.

    Raises:
        DownloadError: If the server cannot be reached, refuses, breaks off, sends other bytes than announced,
            or sends something else than a harmless archive. Nothing is left behind; calling again is safe.
        ImportError: If pooch is not installed.
        ValueError: If an argument is out of range.

    Example:
        >>> folder = fetch_flowers()  # doctest: +SKIP
    """
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", str(server)):
        raise ValueError(
            f"server must be an address like 'https://dataverse.harvard.edu'. Received: {server!r}"
        )
    file_id = whole_number("file_id", file_id, 1)
    server = server.rstrip("/")
    home = Path(
        require("pooch", extra="datasets").os_cache("gmmaug-plugin") if cache_dir is None else cache_dir
    ).expanduser()
    target = home / f"{re.sub(r'[^A-Za-z0-9.]+', '-', server.partition('://')[2])}-{file_id}"
    source = f"{server}/api/access/datafile/{file_id}"
    if (photos := _whole_cache(target, source)) is not None:
        return photos
    remote = _describe(server, file_id)
    home.mkdir(parents=True, exist_ok=True)
    # On the cache's own file system, so that the finished folder moves into place in one step.
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=home, ignore_cleanup_errors=True) as name:
        workshop = Path(name)
        archive = _download(remote, workshop / "download", quiet=quiet)
        whole = workshop / "whole"
        _unpack(archive, whole / "files", remote.url)
        _write_receipt(whole, remote)
        _put_in_place(whole, target, source)
    photos = _whole_cache(target, source)
    if photos is None:
        raise _failure("The photos vanished from the cache", str(target), "Call again.")
    return photos


def _failure(problem: str, url: str, advice: str) -> DownloadError:
    error = DownloadError(f"{problem} ({url}). {advice}")
    error.url = url
    return error


@dataclass(frozen=True)
class _RemoteFile:
    name: str
    algorithm: str
    checksum: str
    url: str


def _describe(server: str, file_id: int) -> _RemoteFile:
    """Ask the native API for a file's name and checksum."""
    require("pooch", extra="datasets")
    import requests

    url = f"{server}/api/files/{file_id}"
    try:
        response = requests.get(url, headers={"User-Agent": USER_AGENT}, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
    except requests.RequestException as error:
        raise _transfer_failure(error, url) from error
    try:
        file = response.json()["data"]["dataFile"]
        checksum = file.get("checksum") or {"type": "MD5", "value": file["md5"]}
        algorithm, value = HASHES[checksum["type"]], str(checksum["value"]).lower()
        name = _plain_name(str(file["filename"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = "The server's answer is no description of a file with a name and a known checksum"
        raise _failure(problem, url, "Check that server and file_id belong to a Dataverse file.") from error
    return _RemoteFile(name, algorithm, value, f"{server}/api/access/datafile/{file_id}")


def _plain_name(name: str) -> str:
    """Return a file name without folders, hidden-file dots or characters that some systems refuse."""
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[^\w.-]+", "_", last).lstrip(".")[-100:] or "archive"


def _transfer_failure(error: Exception, url: str) -> DownloadError:
    response = getattr(error, "response", None)
    if response is None:
        problem = f"The transfer failed: {error}"
        return _failure(problem, url, "Check the network connection and call again.")
    said = ""
    with suppress(ValueError, KeyError, TypeError, OSError):
        said = f", saying {response.json()['message']!r}"
    advice = "Call again later."
    if response.status_code in {401, 403}:
        advice = f"It may want a login or a guest book entry, or refuse programs. {BY_HAND}"
    elif response.status_code in {404, 405, 410}:
        advice = "Check server and file_id."
    return _failure(f"The server answered HTTP {response.status_code}{said}", url, advice)


def _download(remote: _RemoteFile, folder: Path, *, quiet: bool) -> Path:
    """Download into ``folder`` and check the checksum."""
    pooch = require("pooch", extra="datasets")
    import requests

    with _transfer_bar(quiet=quiet) as bar, _without_log(pooch.get_logger()):
        downloader = pooch.HTTPDownloader(
            progressbar=bar or False,
            chunk_size=CHUNK_BYTES,
            headers={"User-Agent": USER_AGENT},
            timeout=TIMEOUT_SECONDS,
        )
        known_hash = f"{remote.algorithm}:{remote.checksum}"
        try:
            return Path(pooch.retrieve(remote.url, known_hash, remote.name, folder, downloader=downloader))
        except requests.RequestException as error:
            raise _transfer_failure(error, remote.url) from error
        except ValueError as error:
            problem = f"What arrived does not have the checksum that the server announced: {error}"
            raise _failure(
                problem, remote.url, "Call again; if it stays, the file on the server is damaged."
            ) from error


class _TransferBar:
    """What pooch asks of a progress bar, shown by rich."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task("Fetching photos", total=None)

    @property
    def total(self) -> float | None:
        return self._progress.tasks[0].total

    @total.setter
    def total(self, n_bytes: int) -> None:
        self._progress.update(self._task, total=n_bytes or None)

    def update(self, n_bytes: int) -> None:
        self._progress.advance(self._task, n_bytes)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        self._progress.refresh()


@contextmanager
def _transfer_bar(*, quiet: bool) -> Iterator[_TransferBar | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _TransferBar(progress)


@contextmanager
def _without_log(logger: logging.Logger) -> Iterator[None]:
    """Keep this thread's informational messages, which name temporary files, off the terminal."""
    thread = threading.get_ident()

    def important(record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO or record.thread != thread

    logger.addFilter(important)
    try:
        yield
    finally:
        logger.removeFilter(important)


def _unpack(archive: Path, target: Path, url: str) -> None:
    try:
        unpack(archive, target)
    except ArchiveError as error:
        advice = f"Check server and file_id; if they are right, the file on the server is damaged. {BY_HAND}"
        raise _failure(f"The archive {archive.name!r} {error}", url, advice) from error


def _count_files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def _write_receipt(whole: Path, remote: _RemoteFile) -> None:
    """Note what was fetched, so that later calls can tell without network that the photos are all there."""
    receipt = {
        "url": remote.url,
        "filename": remote.name,
        "checksum": f"{remote.algorithm}:{remote.checksum}",
        "n_files": _count_files(whole / "files"),
        "photos": innermost_folder(whole / "files").relative_to(whole).as_posix(),
    }
    (whole / RECEIPT).write_text(json.dumps(receipt, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _whole_cache(target: Path, source: str) -> Path | None:
    """Return the cached photos if they came from ``source`` and are all there, else None."""
    try:
        receipt = json.loads((target / RECEIPT).read_text(encoding="utf-8"))
        photos = target / receipt["photos"]
        complete = receipt["url"] == source and _count_files(target / "files") >= receipt["n_files"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return photos if complete and photos.is_dir() else None


def _put_in_place(whole: Path, target: Path, source: str) -> None:
    """Move the finished folder to ``target``; another call that got there first is left in peace."""
    for attempt in range(5):
        try:
            whole.rename(target)
            return
        except OSError:
            if _whole_cache(target, source) is not None:
                return
            if attempt == 4 or not target.exists():
                raise
        with suppress(FileNotFoundError):
            target.rename(whole.parent / f"damaged-{attempt}")
