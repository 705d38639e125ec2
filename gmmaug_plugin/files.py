"""Files that are written completely or not at all."""

import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_RANDOM = 6
_ABANDONED = 3600.0  # seconds
_TRIES, _WAIT = 6, 0.3  # seconds between tries


def write_whole(path: Path, contents: bytes, *, check: Callable[[Path], object] | None = None) -> None:
    """Write a file completely or not at all: as a temporary file in its folder, flushed, then renamed.

    It also removes temporary files of the same target that killed processes left over an hour ago.

    Args:
        path: The target.
        contents: All bytes of the file.
        check: Called with the temporary file before it is renamed; an error it raises stops the write.

    Raises:
        OSError: The file cannot be written; an older one is untouched.
    """
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        if check is not None:
            check(temporary)
        put_in_place(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _drop_abandoned(path)


def temporary_beside(path: Path) -> Path:
    """A hidden, unused path in the folder of ``path``.

    Not from ``tempfile``, which on Windows tries for hours in a folder that it may not write to.
    """
    return path.with_name(f".{path.name}.{secrets.token_hex(_RANDOM)}.part")


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename a file or folder to ``path``; a file that is there is replaced.

    Windows refuses this while any program has the file open. A virus scanner soon closes it, so it is tried
    for a second and a half.

    Raises:
        OSError: It cannot be renamed; PermissionError if the target is open elsewhere or protected.
    """
    for tried in range(_TRIES):
        try:
            temporary.replace(path)
            return
        except PermissionError as error:
            if tried == _TRIES - 1:
                raise PermissionError(
                    "The target must not be open in another program (on Windows) or protected: close it "
                    f"there, or write to another name. Received: {path} ({error.strerror})"
                ) from error
            time.sleep(_WAIT)


def _drop_abandoned(path: Path) -> None:
    unfinished = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{{2 * _RANDOM}}}\.part")
    with suppress(OSError):
        for other in path.parent.iterdir():
            if unfinished.fullmatch(other.name) and time.time() - other.stat().st_mtime > _ABANDONED:
                other.unlink()
