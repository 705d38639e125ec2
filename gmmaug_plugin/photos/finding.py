"""Folders in: candidates for photos below a folder, and the classes its sub-folders stand for."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gmmaug_plugin.photos.errors import PhotoError
from gmmaug_plugin.photos.files import PhotoFile, SkippedPhoto, printable

_CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir"})


@dataclass(frozen=True)
class FoundFiles:
    """What lies in a folder of photos.

    Attributes:
        files: Candidates, class by class and sorted by path within each.
        class_names: Names of the class folders in label order; empty for a flat folder.
        skipped: Files that are no candidates, with reasons.
    """

    files: tuple[PhotoFile, ...]
    class_names: tuple[str, ...]
    skipped: tuple[SkippedPhoto, ...]


def find_files(root: Path) -> FoundFiles:
    """List the candidates in a folder, without opening any of them.

    A folder that has at least one file in one of its sub-folders is a folder of classes: every sub-folder is
    a class, its own sub-folders belong to it, and loose files are skipped. Any other folder is flat. Hidden
    files and folders are passed over, as are links back to the folder itself or to what it lies in; below
    a class, a folder that is reachable in several ways is listed once.

    Args:
        root: The folder.

    Returns:
        The candidates, the classes, and what was skipped.

    Raises:
        PhotoError: If the folder cannot be read, or a class folder is empty or has a name that is no text.

    Example:
        >>> find_files(Path("flowers")).class_names  # doctest: +SKIP
        ('daisy', 'rose')
    """
    skipped: list[SkippedPhoto] = []
    try:
        visible = (path for path in root.iterdir() if not _is_clutter(path.name))
        entries = sorted(visible, key=lambda path: path.name)
        above = _folder_and_parents(root)
        loose = [path for path in entries if not _is_folder(path)]
        identities = {path: _identity(path) for path in entries if _is_folder(path)}
    except OSError as error:
        raise PhotoError(f"The folder cannot be read: {error.strerror}. Received: {str(root)!r}") from error
    folders = [path for path, identity in identities.items() if identity not in above]
    known = above | set(identities.values())
    below = [_files_below(folder, root, known, skipped) for folder in folders]
    if not any(below):
        return FoundFiles(tuple(PhotoFile(path, _name(path, root)) for path in loose), (), tuple(skipped))

    class_names = tuple(folder.name for folder in folders)
    _check_class_folders(class_names, below, root)
    skipped += [SkippedPhoto(_name(path, root), "beside the class folders, not in one") for path in loose]
    files = (PhotoFile(path, _name(path, root), label) for label, paths in enumerate(below) for path in paths)
    return FoundFiles(tuple(files), class_names, tuple(skipped))


def _check_class_folders(class_names: tuple[str, ...], below: list[list[Path]], root: Path) -> None:
    empty = [printable(name) for name, paths in zip(class_names, below, strict=True) if not paths]
    if empty:
        raise PhotoError(
            f"Every class folder needs photos; remove or fill: {', '.join(empty)}. Received: {str(root)!r}"
        )
    for name in class_names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise PhotoError(
                f"The name of a class folder must be text. Received: {printable(name)}"
            ) from error


def _files_below(
    folder: Path, root: Path, known: set[tuple[int, int]], skipped: list[SkippedPhoto]
) -> list[Path]:
    visited, waiting = set(known), [folder]
    found: list[Path] = []
    while waiting:  # no recursion: folders may be nested deeper than Python's stack
        parent = waiting.pop()
        try:
            with os.scandir(parent) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if parent == folder:
                raise PhotoError(
                    f"A class folder cannot be read: {error.strerror}. Received: {str(folder)!r}"
                ) from error
            skipped.append(SkippedPhoto(_name(parent, root), f"unreadable folder: {error.strerror}"))
            continue
        visible = [entry for entry in entries if not _is_clutter(entry.name)]
        found += [parent / entry.name for entry in visible if not _is_folder(entry)]
        folders = [parent / entry.name for entry in visible if _is_folder(entry)]
        waiting += reversed([path for path in folders if _first_visit(path, visited)])
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _first_visit(folder: Path, visited: set[tuple[int, int]]) -> bool:
    try:
        identity = _identity(folder)
    except OSError:
        return True  # listing it will fail in turn, and say why
    if identity in visited:
        return False
    visited.add(identity)
    return True


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _folder_and_parents(folder: Path) -> set[tuple[int, int]]:
    """What a link must not lead back to: it would bring in everything that lies beside the photos."""
    identities = {_identity(folder)}
    for parent in folder.resolve().parents:
        with suppress(OSError):
            identities.add(_identity(parent))
    return identities


def _is_folder(path: Path | os.DirEntry[str]) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # unreadable: reading it fails later, with a reason


def _is_clutter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _CLUTTER


def _name(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())
