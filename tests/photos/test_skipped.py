"""The wording about files that are not used as photos."""

import pytest
from PIL import Image, UnidentifiedImageError

from gmmaug_plugin.photos.skipped import PhotoError, SkippedPhoto, printable, reason_of, summary


def test_names_are_made_safe_to_print() -> None:
    assert printable("a\x1b[2J\n\u202e\udcff ü") == "a\\x1b[2J\\n\\u202e\\udcff ü"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PhotoError("empty file"), "empty file"),
        (UnidentifiedImageError("cannot identify"), "not an image"),
        (Image.DecompressionBombError("too large"), "more than 100 million pixels"),
        (MemoryError(), "not enough memory to decode it"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (OSError("image file is truncated\x1b"), "broken image: image file is truncated\\x1b"),
        (KeyError(), "broken image: KeyError"),
    ],
)
def test_every_error_has_a_reason_that_can_be_printed(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_a_summary_names_three_files() -> None:
    skipped = [SkippedPhoto(f"{name}.png", "empty file") for name in "abcd"]
    assert summary(skipped[:1]) == "Skipped 1: a.png (empty file). "
    assert summary(skipped).startswith("Skipped 4: a.png (empty file), b.png (empty file), c.png")
    assert summary(skipped).endswith(", …. ")
    assert summary([]) == ""
