"""Digests and parts of photo sets."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin.photos import PhotoSet, load_photos

NOISE = np.random.default_rng(0).integers(0, 256, (5, 16, 16), dtype=np.uint8)


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    for index, name in enumerate(("rose/a.png", "rose/b.jpg", "tulip/c.tif", "tulip/twin.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(NOISE[index]).save(tmp_path / name)
    (tmp_path / "rose" / "aa.png").touch()
    (tmp_path / "tulip" / "again.png").write_bytes((tmp_path / "rose" / "a.png").read_bytes())

    small, large = (load_photos(tmp_path, image_size=size) for size in (8, 16))

    files = ("rose/a.png", "rose/b.jpg", "tulip/again.png", "tulip/c.tif", "tulip/twin.png")
    expected = tuple(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in files)
    assert small.digests == large.digests == expected
    assert small.digests[0] == small.digests[2]
    flat = load_photos([tmp_path / name for name in files], image_size=8)
    assert flat.digests == expected


def test_arrays_have_the_digests_of_their_pixels_and_shape() -> None:
    loaded, built = load_photos(NOISE[:5]), PhotoSet(NOISE[:5])

    assert loaded.digests == built.digests == tuple(PhotoSet(NOISE[i : i + 1]).digests[0] for i in range(5))
    assert len(set(loaded.digests)) == 5
    assert PhotoSet(NOISE[:1]).digests != PhotoSet(NOISE[:1].reshape(1, 8, 32)).digests
    assert PhotoSet(NOISE[:5, :, ::-1]).digests == PhotoSet(NOISE[:5, :, ::-1].copy()).digests
    with pytest.raises(ValueError, match=r"one per photo, 5\. Received: 1"):
        PhotoSet(NOISE[:5], None, (), (), digests=("0",))


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


@pytest.mark.parametrize(
    ("indices", "error"),
    [([4], IndexError), ([True], IndexError), ([0.0], TypeError), ([[0]], ValueError), (0, ValueError)],
)
def test_impossible_parts_are_refused(indices: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        PhotoSet(NOISE[:4]).take(indices)


def test_the_fingerprint_depends_on_the_photos_and_not_on_their_order() -> None:
    whole = PhotoSet(NOISE)

    assert whole.take([4, 3, 2, 1, 0]).fingerprint == whole.fingerprint
    assert whole.take([0, 1, 2, 3]).fingerprint != whole.fingerprint
