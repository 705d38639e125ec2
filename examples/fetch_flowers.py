"""The photos this project began with, fetched from Harvard Dataverse."""

import hashlib
import json
import os
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.extras import require
from gmmaug_plugin.progress import progress_bar

# Harvard's firewall turns away the default user agents of Python's HTTP libraries.
HEADERS: Final = {"User-Agent": "gmmaug-plugin"}
TIMEOUT_SECONDS: Final = 60
CHUNK_BYTES: Final = 1 << 18
MAX_BYTES: Final = 4_000_000_000
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

    The archive's checksum comes from the server's native API, the download is checked against it, and the
    unpacked photos appear in the cache as a whole or not at all. Later calls need no network, and several
    calls at a time do no harm.

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
            or sends no sound archive. Nothing is left behind; calling again is safe.
        ImportError: If requests is not installed.
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
    if cache_dir is None:
        cache_dir = require("platformdirs", extra="datasets").user_cache_dir("gmmaug-plugin")
    home = Path(cache_dir).expanduser()
    target = home / f"{re.sub(r'[^A-Za-z0-9.]+', '-', server.partition('://')[2])}-{file_id}"
    source = f"{server}/api/access/datafile/{file_id}"
    if (photos := _whole_cache(target, source)) is not None:
        return photos
    remote = _describe(server, file_id)
    home.mkdir(parents=True, exist_ok=True)
    # On the cache's own file system, so that the finished folder moves into place in one step.
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=home, ignore_cleanup_errors=True) as name:
        workshop = Path(name)
        _download(remote, workshop / "archive", quiet=quiet)
        whole = workshop / "whole"
        _unpack(workshop / "archive", whole / "files", remote.url)
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
    url: str
    algorithm: str
    checksum: str
    n_bytes: int | None


def _describe(server: str, file_id: int) -> _RemoteFile:
    """Ask the native API for a file's checksum."""
    requests = require("requests", extra="datasets")
    url = f"{server}/api/files/{file_id}"
    try:
        response = requests.get(url, headers=HEADERS, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
    except requests.RequestException as error:
        raise _transfer_failure(error, url) from error
    try:
        file = response.json()["data"]["dataFile"]
        checksum = file.get("checksum") or {"type": "MD5", "value": file["md5"]}
        algorithm, value = HASHES[checksum["type"]], str(checksum["value"]).lower()
        n_bytes = file.get("filesize")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = "The server's answer is no description of a file with a known checksum"
        raise _failure(problem, url, "Check that server and file_id belong to a Dataverse file.") from error
    n_bytes = n_bytes if isinstance(n_bytes, int) and n_bytes > 0 else None
    return _RemoteFile(f"{server}/api/access/datafile/{file_id}", algorithm, value, n_bytes)


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


def _download(remote: _RemoteFile, path: Path, *, quiet: bool) -> None:
    """Download a file and compare its checksum with the announced one."""
    requests = require("requests", extra="datasets")
    digest = hashlib.new(remote.algorithm, usedforsecurity=False)
    megabytes = None if remote.n_bytes is None else remote.n_bytes / 1e6
    try:
        with (
            requests.get(remote.url, headers=HEADERS, timeout=TIMEOUT_SECONDS, stream=True) as response,
            path.open("wb") as file,
            progress_bar("Fetching photos", megabytes, quiet=quiet, unit="MB") as advance,
        ):
            response.raise_for_status()
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                digest.update(chunk)
                advance(len(chunk) / 1e6)
    except requests.RequestException as error:
        raise _transfer_failure(error, remote.url) from error
    if digest.hexdigest() != remote.checksum:
        raise _failure(
            f"The download does not have the checksum that the server announced, {remote.checksum}",
            remote.url,
            "Call again; if it stays, the file on the server is damaged.",
        )


def _unpack(archive: Path, target: Path, url: str) -> None:
    """Unpack a zip or tar archive; the libraries' own checks keep all files below ``target``."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                _check_size(one.file_size for one in zipped.infolist())
                zipped.extractall(target)  # drops drives, leading slashes and ".."
        else:
            with tarfile.open(archive) as tarred:
                _check_size(one.size for one in tarred)
                # Refuses absolute paths, "..", devices, and links that lead outside.
                tarred.extractall(target, filter="data")
        if _count_files(target) == 0:
            raise ValueError("it holds no files")
    except Exception as error:
        # The readers answer hostile bytes with nearly any exception.
        advice = f"Check server and file_id; if they are right, the file on the server is damaged. {BY_HAND}"
        raise _failure(f"The archive cannot be unpacked: {error}", url, advice) from error


def _check_size(sizes: Iterable[int]) -> None:
    if sum(sizes) > MAX_BYTES:
        raise ValueError(f"it holds more than {MAX_BYTES / 1e9:.0f} GB")


def _count_files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def _innermost_folder(unpacked: Path) -> Path:
    """Return the folder below outer folders that hold nothing but one further folder.

    A single folder of plain files deeper down stays where it is: its name may be the only class.
    """
    folder = _only_folder(unpacked) or unpacked
    while (inner := _only_folder(folder)) is not None and any(entry.is_dir() for entry in inner.iterdir()):
        folder = inner
    return folder


def _only_folder(folder: Path) -> Path | None:
    # What macOS adds to archives is no photo.
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else None


def _write_receipt(whole: Path, remote: _RemoteFile) -> None:
    """Note what was fetched, so that later calls know without network that the photos are all there."""
    receipt = {
        "url": remote.url,
        "checksum": f"{remote.algorithm}:{remote.checksum}",
        "n_files": _count_files(whole / "files"),
        "photos": _innermost_folder(whole / "files").relative_to(whole).as_posix(),
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
    """Move the finished folder to ``target``; whole photos that another call put there stay."""
    if target.exists() and _whole_cache(target, source) is None:
        with suppress(OSError):
            target.rename(whole.parent / "damaged")
    try:
        whole.rename(target)
    except OSError:
        if _whole_cache(target, source) is None:
            raise
