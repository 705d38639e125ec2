"""What lies among photos besides files: links, pipes, odd names, folders that nobody may read."""

import os
import socket
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reliability.wild_photos import USED, encoded, scene

ODD_NAMES = (
    *(unicodedata.normalize(form, "rosé.jpg") for form in ("NFC", "NFD")),
    *("🌹.jpg", "バラ.jpg", "two\nlines.jpg", "tab\tbed.jpg", "\x1b[31mred\x1b[0m.jpg", "\u202egpj.esor.jpg"),
    *("-o.jpg", "--strict", "dot.", "space ", "c:\\drive.jpg", "%s{0}.jpg", "*.jpg", "x" * 251 + ".jpg"),
    *("\x7f.jpg", "bytes\udcff\udc80.jpg", "zero\u200bwidth.jpg", "quote'\".jpg", "[bold]rich[/bold].jpg"),
)
"""Names of sound photos; the surrogates stand for bytes that are no UTF-8."""


def make_places(folder: Path) -> dict[str, str]:
    """Fill a class folder with all of this, as far as the system allows it.

    Args:
        folder: The class folder; its parent is the folder of photos.

    Returns:
        By name in the folder, its expected outcome, as for
        :class:`~reliability.wild_photos.WildFile`. Entries that must not be mentioned at all are not in it.
    """
    expected = dict(_odd_names(folder)) | dict(_links(folder))
    os.mkfifo(folder / "pipe.jpg")
    expected["pipe.jpg"] = "^not a regular file$"
    with suppress(OSError), socket.socket(socket.AF_UNIX) as plug:
        plug.bind(str(folder / "socket.jpg"))
        expected["socket.jpg"] = "^not a regular file$"
    with suppress(OSError):
        expected[_too_deep(folder)] = "^unreadable folder: File name too long$"
    return expected


def _odd_names(folder: Path) -> Iterator[tuple[str, str]]:
    photo = encoded(scene(), "JPEG")
    for name in ODD_NAMES:
        with suppress(OSError, ValueError):  # some systems know better what a name is
            (folder / name).write_bytes(photo)
            yield name, USED


def _links(folder: Path) -> Iterator[tuple[str, str]]:
    targets = {
        "dangling.jpg": ("nowhere.jpg", "^No such file or directory$"),
        "ring.jpg": ("ring.jpg", "^Too many levels of symbolic links$"),
        "zero.jpg": ("/dev/zero", "^not a regular file$"),
        "full.jpg": ("/dev/full", "^not a regular file$"),
        "memory.jpg": ("/proc/self/mem", "^empty file$"),
        # A regular file of 4096 bytes that cannot be read.
        "speed.jpg": ("/sys/class/net/lo/speed", "^Invalid argument$"),
    }
    for name, (target, reason) in targets.items():
        if target.startswith("/") and not Path(target).exists():
            continue
        (folder / name).symlink_to(target)
        yield name, reason
    for name, target in {"self": ".", "parent": "..", "above": "../..", "root": "/"}.items():
        (folder / name).symlink_to(target)


def _too_deep(folder: Path) -> str:
    """Nest folders until their path is longer than a path may be; give the first that is."""
    name = "deep" * 10
    place, path = os.open(folder, os.O_DIRECTORY), folder
    too_deep = ""
    for _ in range(110):
        os.mkdir(name, dir_fd=place)
        inner = os.open(name, os.O_DIRECTORY, dir_fd=place)
        os.close(place)
        place, path = inner, path / name
        if not too_deep and len(os.fsencode(path)) > 4095:
            too_deep = path.relative_to(folder).as_posix()
    os.close(place)
    return too_deep
