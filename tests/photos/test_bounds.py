"""What one photo may cost: reads, scans, bytes and memory."""

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin.photos import PhotoError, load_photos, read_photo
from gmmaug_plugin.photos.bounds import MAX_SCANS, PixelBudget, count_scans
from gmmaug_plugin.photos.pixels import picture_pixels
from reliability.wild_photos import encoded, jpeg_of_scans, png, scene


@pytest.mark.parametrize("n", [1, 7, MAX_SCANS - 10])
def test_scans_are_counted_and_the_picture_stays_readable(n: int) -> None:
    content = jpeg_of_scans(40, 30, n)
    stream = io.BytesIO(content)
    stream.seek(5)
    assert count_scans(stream) == content.count(b"\xff\xda")
    assert stream.tell() == 5


def test_thumbnails_films_and_entropy_are_no_scans() -> None:
    """Markers in a segment, after the end, and across the pieces that a file is read in."""
    small = encoded(scene(), "JPEG")
    film = b"\xff\xda" * 5000
    for length in (10, 65_000, 65_530):
        thumbnail = b"\xff\xe2" + (length + 2).to_bytes(2, "big") + (film * 7)[:length]
        content = small[:2] + thumbnail + small[2:] + film
        assert count_scans(io.BytesIO(content)) == 1, length
        for cut in range(0, len(content), 997):
            assert count_scans(io.BytesIO(content[:cut])) <= 1
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3)).astype(np.uint8)
    for progressive, expected in ((False, 1), (True, 10)):
        content = encoded(Image.fromarray(noise), "JPEG", quality=98, progressive=progressive)
        assert count_scans(io.BytesIO(content)) == expected


def test_a_film_behind_a_photo_costs_it_nothing(tmp_path: Path) -> None:
    path = tmp_path / "moving.jpg"
    path.write_bytes(encoded(scene(), "JPEG") + b"\xff\xda" * 5000)
    assert read_photo(path).shape == (18, 24)
    path.write_bytes(jpeg_of_scans(40, 30, MAX_SCANS))
    with pytest.raises(PhotoError, match=f"more than {MAX_SCANS} scans"):
        read_photo(path)


def test_a_vast_file_is_refused_unread(tmp_path: Path) -> None:
    """Sparse files, a terabyte each, that begin as photos of formats which are read to their end."""
    (tmp_path / "small.png").write_bytes(encoded(scene(), "PNG"))
    for file_format in ("WEBP", "AVIF", "JPEG"):
        path = tmp_path / f"vast.{file_format.lower()}"
        path.write_bytes(encoded(scene(), file_format))
        os.truncate(path, 2**40)

    photos = load_photos(tmp_path, image_size=8, quiet=True)

    assert [photo.reason for photo in photos.skipped] == ["more than 1 GB"] * 3
    assert len(photos.images) == 1


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits of address space are Linux's")
def test_pieces_beyond_the_file_ask_for_no_memory(tmp_path: Path) -> None:
    """Pieces of four gigabytes in files of 500 bytes."""
    import resource

    jpeg_2000 = bytearray(encoded(scene(), "JPEG2000"))
    place = jpeg_2000.index(b"jp2h") - 4
    jpeg_2000[place : place + 4] = b"\xff\xff\xff\x00"
    (tmp_path / "box.jp2").write_bytes(jpeg_2000)
    content = png(8, 8, bytes(72), extra=b"\xff\xff\xff\x00tEXt")
    (tmp_path / "text.png").write_bytes(content)
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), before[1]))
    try:
        for name in ("box.jp2", "text.png"):
            with pytest.raises(PhotoError, match=r"broken image|not an image"):
                read_photo(tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_threads_share_one_budget_of_pixels() -> None:
    budget, spent, seen = PixelBudget(10), [], []
    lock = threading.Lock()

    def decode(pixels: int) -> None:
        with budget.spend(pixels):
            with lock:
                spent.append(pixels)
                seen.append(sum(min(one, 10) for one in spent))
            time.sleep(0.002)
            with lock:
                spent.remove(pixels)

    threads = [threading.Thread(target=decode, args=(1 + index % 13,)) for index in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert max(seen) <= 10
    assert max(seen) > 7, "some went side by side"


_DECODE = """
import resource, sys
from gmmaug_plugin.photos import read_photo
color = sys.argv[1] == "True"
read_photo(sys.argv[2])
for path in sys.argv[3:]:
    used = int(open("/proc/self/statm").read().split()[0]) * 4096
    limit = used + (9 if color else 7) * 6_000_000 + 20_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    print(read_photo(path, color=color).shape[:2])
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits of address space are Linux's")
@pytest.mark.parametrize("color", [False, True])
def test_a_picture_needs_little_more_memory_than_its_pixels(tmp_path: Path, color: bool) -> None:
    """Seven bytes a pixel, nine in color; laid over white in one piece, it would be sixteen."""
    paths = [tmp_path / f"{name}.png" for name in ("small", "clear", "wide")]
    sizes = ((9, 9), (2000, 3000), (2000, 3000))
    for path, mode, size in zip(paths, ("RGBA", "RGBA", "I;16"), sizes, strict=True):
        Image.new(mode, size).save(path, compress_level=1)
    done = subprocess.run(
        [sys.executable, "-c", _DECODE, str(color), *paths],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "(3000, 2000)\n" * 2, done.stderr


def test_pixels_do_not_depend_on_where_strips_end(monkeypatch: pytest.MonkeyPatch) -> None:
    image = scene(37, 29).convert("RGBA")
    image.putalpha(scene(37, 29).convert("L"))
    whole, colors = picture_pixels(image), picture_pixels(image, color=True)
    monkeypatch.setattr("gmmaug_plugin.photos.pixels._PIXELS_AT_ONCE", 80)
    np.testing.assert_array_equal(picture_pixels(image), whole)
    np.testing.assert_array_equal(picture_pixels(image, color=True), colors)
    wide = Image.fromarray(np.arange(37 * 29, dtype=np.uint16).reshape(29, 37) * 60)
    for pixels in (picture_pixels(wide), picture_pixels(wide, color=True)[..., 1]):
        np.testing.assert_array_equal(pixels, np.rint(np.asarray(wide) / 257))
