"""Find the files in a folder that may be photos, and their classes, one per sub-folder."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.photos.skipped import (
    BESIDE_CLASSES,
    UNREADABLE_FOLDER,
    PhotoError,
    SkippedPhoto,
    printable,
)

_CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir"})


@dataclass(frozen=True)
class FoundFiles:
    """Files that may be photos.

    Attributes:
        paths: The files, in the order in which photos are loaded.
        names: Their names in messages; safe to print.
        labels: int32 (n,), indices into ``class_names``; None without classes.
        class_names: Names in label order; empty without classes.
        skipped: Files and folders that were left out, with reasons.
    """

    paths: list[Path]
    names: list[str]
    labels: NDArray[np.int32] | None = None
    class_names: tuple[str, ...] = ()
    skipped: tuple[SkippedPhoto, ...] = ()


def find_files(root: Path) -> FoundFiles:
    """List the files in a folder that may be photos, without opening them.

    If any sub-folder contains a file, every sub-folder is a class: files below it belong to the class, and
    loose files beside the sub-folders are skipped. Any other folder is flat. Hidden files and folders are
    passed over. Links are followed, but not back to the folder, to its parents or to another class, and a
    folder with several links to it is listed once per class.

    Args:
        root: The folder.

    Returns:
        The files, class by class and sorted by path within each.

    Raises:
        PhotoError: If the folder or a class folder cannot be read, or a class folder is empty or has a name
            that is not text.

    Example:
        >>> find_files(Path("flowers")).class_names  # doctest: +SKIP
        ('daisy', 'rose')
    """
    try:
        entries = sorted(path for path in root.iterdir() if not _is_clutter(path.name))
    except OSError as error:
        raise PhotoError(f"The folder cannot be read: {error.strerror}. Received: {str(root)!r}") from error
    folders = [path for path in entries if os.path.isdir(path)]  # noqa: PTH112 - Path.is_dir can raise
    loose = sorted({*entries} - {*folders})
    above = {root.resolve(), *root.resolve().parents}
    folders = [folder for folder in folders if folder.resolve() not in above]
    known = above | {folder.resolve() for folder in folders}
    skipped: list[SkippedPhoto] = []
    classes = [_files_below(folder, root, known, skipped) for folder in folders]
    if not any(classes):
        return FoundFiles(loose, [_name(path, root) for path in loose], skipped=tuple(skipped))
    _check_class_folders(folders, classes, root)
    skipped += [SkippedPhoto(_name(path, root), BESIDE_CLASSES) for path in loose]
    paths = [path for files in classes for path in files]
    return FoundFiles(
        paths,
        [_name(path, root) for path in paths],
        np.repeat(np.arange(len(classes), dtype=np.int32), list(map(len, classes))),
        tuple(folder.name for folder in folders),
        tuple(skipped),
    )


def _files_below(folder: Path, root: Path, known: set[Path], skipped: list[SkippedPhoto]) -> list[Path]:
    """List the files below a class folder, and add folders that cannot be read to ``skipped``.

    Links into folders of ``known`` are not followed.
    """

    def unreadable(error: OSError) -> None:
        path = Path(error.filename)
        if path == folder:
            raise PhotoError(
                f"A class folder cannot be read: {error.strerror}. Received: {str(folder)!r}"
            ) from error
        skipped.append(SkippedPhoto(_name(path, root), f"{UNREADABLE_FOLDER}: {error.strerror}"))

    found = []
    visited = known - {folder.resolve()}
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=unreadable):
        place = Path(parent).resolve()
        if place in visited:
            folders.clear()
            continue
        visited.add(place)
        folders[:] = sorted(name for name in folders if not _is_clutter(name))
        found += [Path(parent, name) for name in files if not _is_clutter(name)]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _check_class_folders(folders: list[Path], classes: list[list[Path]], root: Path) -> None:
    empty = [printable(folder.name) for folder, files in zip(folders, classes, strict=True) if not files]
    if empty:
        raise PhotoError(
            f"Every class folder needs photos; remove or fill: {', '.join(empty)}. Received: {str(root)!r}"
        )
    for folder in folders:
        if folder.name != folder.name.encode(errors="replace").decode():
            raise PhotoError(f"The name of a class folder must be text. Received: {printable(folder.name)}")


def _is_clutter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _CLUTTER


def _name(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())
