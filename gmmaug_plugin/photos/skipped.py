"""Files that are not used as photos: the wording of the reasons."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 100_000_000  # photos with more pixels are refused by their header, before they are decoded
MAX_BYTES = 1_000_000_000  # larger files are refused unread

NOT_REGULAR = "not a regular file"
EMPTY = "empty file"
TOO_LARGE = f"more than {MAX_BYTES // 1_000_000_000} GB"
TOO_MANY_PIXELS = f"more than {MAX_PIXELS // 1_000_000} million pixels"
NOT_FINITE = "floats that are not finite, or beyond 32 bits"
NOT_AN_IMAGE = "not an image"
NO_MEMORY = "not enough memory to decode it"
BROKEN = "broken image"
BESIDE_CLASSES = "beside the class folders, not in one"
UNREADABLE_FOLDER = "unreadable folder"


class PhotoError(ValueError):
    """Photos that cannot be used: an unusable source, too few photos, or a bad file in a strict read."""


def check_pixels(width: int, height: int) -> None:
    """Raise a :class:`PhotoError` if a photo has too many pixels."""
    if width * height > MAX_PIXELS:
        raise PhotoError(f"{TOO_MANY_PIXELS}: {width} x {height} (width x height)")


def printable(text: str) -> str:
    r"""Escape characters that could break a line or control a terminal.

    Example:
        >>> printable("rose\n.jpg")
        'rose\\n.jpg'
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


@dataclass(frozen=True)
class SkippedPhoto:
    """A file that was left out.

    Attributes:
        path: Path relative to the source folder, with forward slashes; safe to print.
        reason: Why the file was left out, in a few words; safe to print.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} ({self.reason})"


def reason_of(error: Exception) -> str:
    """Why a file cannot be used, in a few words, from the error that reading it raised."""
    if isinstance(error, PhotoError):
        return str(error)
    if isinstance(error, UnidentifiedImageError):
        return NOT_AN_IMAGE
    if isinstance(error, Image.DecompressionBombError):
        return TOO_MANY_PIXELS
    if isinstance(error, MemoryError):
        return NO_MEMORY
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{BROKEN}: {printable(str(error).strip()[:200]) or type(error).__name__}"


def summary(skipped: Sequence[SkippedPhoto]) -> str:
    """The beginning of a message: how many files were skipped, and the first three; empty without any."""
    if not skipped:
        return ""
    named = ", ".join(map(str, skipped[:3]))
    return f"Skipped {len(skipped)}: {named}{', …' if len(skipped) > 3 else ''}. "
