"""Unpacking archives that came over the network without trusting them."""

import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import IO, Final, Literal

__all__ = ["ArchiveError", "innermost_folder", "unpack"]

CHUNK_BYTES: Final = 1 << 18
Kind = Literal["file", "folder", "other"]
# What the readers raise for damaged or encrypted archives and for members in each other's way.
DAMAGE: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    RuntimeError,
    FileExistsError,
    NotADirectoryError,
)


class ArchiveError(ValueError):
    """An archive that is damaged or that could do harm; the message completes "The archive ..."."""


@dataclass(frozen=True)
class _Member:
    name: str
    kind: Kind
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, target: Path, *, max_bytes: int = 4 << 30, max_members: int = 100_000) -> None:
    """Unpack a zip or tar archive (plain, gzip, bzip2, xz) into a new folder.

    Files are written with ordinary permissions. What macOS adds for itself is left out. After an error the
    folder may hold a part of the files: unpack beside the place where they are wanted.

    Args:
        archive: The archive.
        target: The folder to make.
        max_bytes: Most bytes that may come out.
        max_members: Most members that may be in it.

    Raises:
        FileExistsError: If ``target`` exists.
        ArchiveError: If it is no archive, is damaged, encrypted or empty, exceeds a limit, or has a member
            that is a link or device or lies outside the folder.

    Example:
        >>> unpack(Path("photos.zip"), Path("photos"))  # doctest: +SKIP
    """
    target.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                _write_members(_zip_members(zipped), target, max_bytes, max_members)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tarred:
                _write_members(_tar_members(tarred), target, max_bytes, max_members)
        else:
            raise ArchiveError("is neither zip nor tar")
    except DAMAGE as error:
        raise ArchiveError(f"cannot be unpacked: {error}") from error


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        ordinary = stat.S_IFMT(info.external_attr >> 16) in {0, stat.S_IFREG}
        kind: Kind = "folder" if info.filename.endswith("/") else "file" if ordinary else "other"
        yield _Member(info.filename, kind, partial(archive.open, info))


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        kind: Kind = "folder" if info.isdir() else "file" if info.isreg() else "other"
        yield _Member(info.name, kind, partial(archive.extractfile, info))


def _write_members(members: Iterator[_Member], target: Path, max_bytes: int, max_members: int) -> None:
    room, n_files = max_bytes, 0
    for n_members, member in enumerate(members, start=1):
        if n_members > max_members:
            raise ArchiveError(f"has more than {max_members} members")
        parts = _inner_path(member)
        if not parts or parts[0] == "__MACOSX" or parts[-1].startswith("._"):
            continue
        path = target.joinpath(*parts)
        if member.kind == "folder":
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        room -= _write_file(member, path, room)
        n_files += 1
    if n_files == 0:
        raise ArchiveError("holds no files")


def _inner_path(member: _Member) -> list[str]:
    """Return a member's path inside the target folder as its parts, or refuse it."""
    parts = member.name.replace("\\", "/").split("/")
    if member.name.startswith(("/", "\\")) or ".." in parts or PureWindowsPath(member.name).drive:
        raise ArchiveError(f"has a member outside its folder: {member.name!r}")
    if member.kind == "other":
        raise ArchiveError(f"has a link or a device in it: {member.name!r}")
    return [part for part in parts if part not in {"", "."}]


def _write_file(member: _Member, path: Path, room: int) -> int:
    """Write one member and return its size; counts what really comes out, since headers may lie."""
    size = 0
    content = member.open()
    if content is None:
        raise ArchiveError(f"has a member without content: {member.name!r}")
    with content, path.open("xb") as file:
        while chunk := content.read(CHUNK_BYTES):
            size += len(chunk)
            if size > room:
                raise ArchiveError("unpacks to more than is allowed")
            file.write(chunk)
    return size


def innermost_folder(unpacked: Path) -> Path:
    """Return the folder below outer folders that hold nothing but one further folder.

    A single folder of plain files deeper down stays where it is: its name may be the only class.
    """
    folder = _only_folder(unpacked) or unpacked
    while (inner := _only_folder(folder)) is not None and any(entry.is_dir() for entry in inner.iterdir()):
        folder = inner
    return folder


def _only_folder(folder: Path) -> Path | None:
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else None
