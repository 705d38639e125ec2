"""Files that are whole or absent."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, contents: bytes, *, check: Callable[[Path], object] | None = None) -> None:
    """Write a file, all or nothing: to a temporary one beside it, to the disk, then renamed.

    Args:
        path: The target.
        contents: All bytes of the file.
        check: Called with the temporary file before it is renamed; what it raises stops the write.

    Raises:
        OSError: The file cannot be written; whatever was there before is untouched.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
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
