"""Find the files in a folder that may be photos, and their classes, one per sub-folder."""

import os
import re
from collections.abc import Collection, Iterable
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

TRAINING = frozenset({"train", "training", "trainval"})
HELD_OUT = frozenset(
    {"test", "testing", "val", "valid", "validation", "eval", "evaluation", "dev", "holdout", "pred"}
)
_OF_PARTS = frozenset({"set", "data", "images", "photos"})  # words beside these in names of parts
_CLUTTER = {
    *("thumbs.db", "desktop.ini", "__macosx", "@eadir"),
    *("$recycle.bin", "system volume information", "lost+found"),
}
_PHOTO = "jpe?g?|jfif|jp2|j2k|jxl|png|webp|tiff?|gif|bmp|ico|tga|psd|qoi|avif|hei[cf]|p[bgnp]m|dng"
_HINTS = {
    _PHOTO: "Give the folder around a photo, or a list: load_photos([path]).",
    "zip|tar|gz|tgz|bz2|xz|7z|rar": "Unpack the archive, and give the folder.",
    "csv|tsv|txt|json|xlsx": "Read the table, and give paths and labels: load_photos(paths, labels).",
    "np[yz]": "Stack the arrays: load_photos(np.stack([np.load(path) for path in paths]), labels).",
    "h5|hdf5|mat|pkl|pickle|pt|parquet|tfrecord": "Read its images into an array: load_photos(array).",
    "safetensors": "A pool is read by load_model(path); it is drawn from photos already.",
}
"""What to do about files that stand where photos should be, by regular expressions of their suffixes."""


@dataclass(frozen=True)
class FoundFiles:
    """Files that may be photos.

    Attributes:
        paths: The files, in the order in which photos are loaded.
        names: Their names in messages; safe to print.
        labels: int32 (n,), indices into ``class_names``; None without classes.
        class_names: Names in label order; empty without classes.
        skipped: Files and folders that were left out, with reasons.
        notes: Sentences on how the folder was understood, where its sub-folders are not simply the classes;
            safe to print.
    """

    paths: list[Path]
    names: list[str]
    labels: NDArray[np.int32] | None = None
    class_names: tuple[str, ...] = ()
    skipped: tuple[SkippedPhoto, ...] = ()
    notes: tuple[str, ...] = ()


def find_files(root: Path) -> FoundFiles:
    """List the files in a folder that may be photos, without opening them.

    If any sub-folder contains a file, every sub-folder is a class: files below it belong to the class, and
    loose files beside the sub-folders are skipped. Any other folder is flat. Two layouts are looked into,
    with a note:

    - a split: sub-folders are named as parts, as ``train``, ``val`` and ``test`` or ``seg_train`` and
      ``seg_test``. Only the training part is used; all others beside it are not read;
    - a wrapper: the only sub-folder, without photos beside or directly in it, holds a split or two or more
      filled folders, which are the classes.

    Hidden files and folders are passed over. Links are followed, but not back to the folder, to its parents
    or to another class, and a folder with several links to it is listed once per class.

    Args:
        root: The folder.

    Returns:
        The files, class by class and sorted by path within each.

    Raises:
        PhotoError: If there is no such folder, it or a class folder cannot be read, a class folder is empty
            or has a name that is not text, or a split has not one training folder.

    Example:
        >>> find_files(Path("flowers")).class_names  # doctest: +SKIP
        ('daisy', 'rose')
    """
    if not root.is_dir():
        hint = hint_for([root.name]) if root.exists() else "This path does not exist. "
        raise PhotoError(f"There must be a folder, a .npy or an .npz file. {hint}Received: {str(root)!r}")
    place, above, notes, beside = _class_folder(root)
    folders, loose = _entries(place, above)
    known = above | {folder.resolve() for folder in folders}
    skipped: list[SkippedPhoto] = []
    classes = [_files_below(folder, root, known, skipped) for folder in folders]
    skipped += [SkippedPhoto(_name(path, root), BESIDE_CLASSES) for path in beside]
    if not any(classes):
        names = [_name(path, root) for path in loose]
        return FoundFiles(loose, names, skipped=tuple(skipped), notes=tuple(notes))
    _check_class_folders(folders, classes, root)
    skipped += [SkippedPhoto(_name(path, root), BESIDE_CLASSES) for path in loose]
    paths = [path for files in classes for path in files]
    return FoundFiles(
        paths,
        [_name(path, root) for path in paths],
        np.repeat(np.arange(len(classes), dtype=np.int32), list(map(len, classes))),
        tuple(folder.name for folder in folders),
        tuple(skipped),
        tuple(notes),
    )


def hint_for(names: Collection[str]) -> str:
    """What to do about files of one kind that are no photos, as the beginning of a message; or nothing."""
    for kind, hint in _HINTS.items():
        if names and all(_is_of_kind(name, kind) for name in names):
            return f"{hint} "
    return ""


def _class_folder(root: Path) -> tuple[Path, set[Path], list[str], list[Path]]:
    """Look into splits and wrappers.

    Returns:
        The folder that holds the class folders or photos, the folders above it, notes, and files on the way.
    """
    place, above, notes, beside = root, _lineage(root), list[str](), list[Path]()
    while True:
        folders, loose = _entries(place, above)
        if parts := _split(folders):
            training, others = parts
            if len(training) != 1:
                raise PhotoError(
                    "A split needs one training folder, as 'train': give the part whose photos are to be "
                    f"used, one of {_quoted(str(one) for one in training or others)}; if these are classes, "
                    f"rename them. Received: {str(place)!r}"
                )
            used, left_out = _quoted([_name(training[0], root)]), _quoted(one.name for one in others)
            notes.append(f"Only the photos in {used} are used; left out: {left_out}.")
            place = training[0]
        elif _wraps(folders, loose, above):
            place = folders[0]
            notes.append(
                f"The folders in {_quoted([_name(place, root)])} are the classes. If it is one class, give "
                "a list of its paths."
            )
        else:
            return place, above, notes, beside
        above, beside = above | _lineage(place), beside + loose


def _split(folders: list[Path]) -> tuple[list[Path], list[Path]] | None:
    """Training folders and those to leave out; None if these folders are no split."""
    words = {folder: set(re.findall("[a-z]+", folder.name.lower())) for folder in folders}
    training = [folder for folder in folders if words[folder] & TRAINING]
    held_out = [folder for folder in folders if words[folder] & HELD_OUT]
    # "bullet_train" and "test_tube" are no parts of the same.
    rests = {frozenset(words[part] - TRAINING - HELD_OUT - _OF_PARTS) for part in training + held_out}
    if not held_out or len(rests) > 1 or (not training and len(held_out) < len(folders)):
        return None
    return training, [folder for folder in folders if folder not in training]


def _wraps(folders: list[Path], loose: list[Path], above: set[Path]) -> bool:
    """Whether the only folder beside no photos holds the class folders, rather than being a class."""
    if len(folders) != 1 or any(map(_is_photo, loose)):
        return False
    above = above | _lineage(folders[0])
    inside, files = _entries(folders[0], above)
    if any(map(_is_photo, files)) or not inside:
        return False
    filled = [one for one in inside if _files_below(one, one.parent, above, [])]
    return len(filled) > 1 or _split(inside) is not None or _wraps(inside, files, above)


def _entries(folder: Path, above: set[Path]) -> tuple[list[Path], list[Path]]:
    """Sub-folders, without links to ``above``, and files; sorted, without hidden ones."""
    try:
        entries = sorted(path for path in folder.iterdir() if not _is_clutter(path.name))
    except OSError as error:
        raise PhotoError(f"The folder cannot be read: {error.strerror}. Received: {str(folder)!r}") from error
    folders = [path for path in entries if os.path.isdir(path)]  # noqa: PTH112 - Path.is_dir can raise
    loose = [path for path in entries if path not in set(folders)]
    return [path for path in folders if path.resolve() not in above], loose


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
    visited = set(known - {folder.resolve()})
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


def _is_photo(path: Path) -> bool:
    """Whether a file's name is that of a photo; files are read whatever their names."""
    return _is_of_kind(path.name, _PHOTO)


def _is_of_kind(name: str, suffixes: str) -> bool:
    return re.search(rf"\.({suffixes})$", name, re.IGNORECASE) is not None


def _lineage(folder: Path) -> set[Path]:
    return {folder.resolve(), *folder.resolve().parents}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{printable(name)}'" for name in sorted(names))
