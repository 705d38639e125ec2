"""Digests and parts of photo sets, and names that are safe to print."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin.photos import PhotoSet, load_photos
from tests.photos.written import write_photos

NOISE = np.random.default_rng(0).integers(0, 256, (5, 16, 16), dtype=np.uint8)


def test_the_digest_of_a_file_is_the_sha_256_of_its_bytes(tmp_path: Path) -> None:
    write_photos(tmp_path, "rose/a.png", "rose/b.jpg", "tulip/c.tif")
    (tmp_path / "rose" / "aa.png").touch()
    (tmp_path / "tulip" / "again.png").write_bytes((tmp_path / "rose" / "a.png").read_bytes())

    small, large = (load_photos(tmp_path, image_size=size) for size in (8, 16))

    files = [tmp_path / name for name in ("rose/a.png", "rose/b.jpg", "tulip/again.png", "tulip/c.tif")]
    expected = tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    assert small.digests == large.digests == load_photos(files, image_size=8).digests == expected
    assert small.digests[0] == small.digests[2]


def test_the_digest_of_an_array_covers_its_pixels_and_shape() -> None:
    loaded, built = load_photos(NOISE), PhotoSet(NOISE)

    assert loaded.digests == built.digests == tuple(PhotoSet(NOISE[i : i + 1]).digests[0] for i in range(5))
    assert len(set(loaded.digests)) == 5
    assert PhotoSet(NOISE[:1]).digests != PhotoSet(NOISE[:1].reshape(1, 8, 32)).digests
    assert PhotoSet(NOISE[:, :, ::-1]).digests == PhotoSet(NOISE[:, :, ::-1].copy()).digests


def test_parts_keep_what_belongs_to_their_photos() -> None:
    whole = load_photos(NOISE[:4], ["b", "a", "b", "a"])

    part, masked = whole.take([2, 1]), whole.take(np.array([False, True, True, False]))

    np.testing.assert_array_equal(part.images, NOISE[[2, 1]])
    assert part.labels.tolist() == [1, 0]
    assert part.digests == (whole.digests[2], whole.digests[1])
    assert (part.class_names, part.resize) == (("a", "b"), "stretch")
    np.testing.assert_array_equal(masked.images, NOISE[[1, 2]])
    assert PhotoSet(NOISE[:4]).take([3]).labels is None
    empty = whole.take([])
    assert (empty.images.shape, empty.labels.shape, empty.digests) == ((0, 16, 16), (0,), ())


@pytest.mark.parametrize("indices", [[4], [True], [0.0]])
def test_impossible_parts_are_refused(indices: object) -> None:
    with pytest.raises(IndexError):
        PhotoSet(NOISE[:4]).take(indices)


def test_the_fingerprint_depends_on_the_photos_and_not_on_their_order() -> None:
    whole = PhotoSet(NOISE)

    assert whole.take([4, 3, 2, 1, 0]).fingerprint == whole.fingerprint
    assert whole.take([0, 1, 2, 3]).fingerprint != whole.fingerprint
