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
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(_RANDOM)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        if check is not None:
            check(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _drop_abandoned(path)


def _drop_abandoned(path: Path) -> None:
    unfinished = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{{2 * _RANDOM}}}\.part")
    with suppress(OSError):
        for other in path.parent.iterdir():
            if unfinished.fullmatch(other.name) and time.time() - other.stat().st_mtime > _ABANDONED:
                other.unlink()
