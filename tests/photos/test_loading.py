"""Photos from every source: folders, lists of paths, arrays and array files."""

import re
import shutil
import subprocess
import sys
import threading
import time
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin.photos import PhotoError, load_photos, loading, read_photo, to_grayscale
from gmmaug_plugin.photos.finding import find_files
from reliability.photo_files import UNUSABLE, USABLE, encoded, scene
from tests.photos.written import reasons, write_photos


def numbered(n_photos: int) -> np.ndarray:
    """Photos, each of one gray level that identifies it."""
    return np.arange(n_photos, dtype=np.uint8)[:, None, None].repeat(4, axis=1).repeat(4, axis=2)


def levels(images: np.ndarray) -> list[int]:
    return [int(image.mean()) for image in images]


# --- arrays and array files -------------------------------------------------------------------------------


def test_arrays_keep_their_size_and_their_order() -> None:
    photos = load_photos(numbered(3), ["tulip", "Rose", "tulip"])

    np.testing.assert_array_equal(photos.images, numbered(3))
    assert photos.labels.tolist() == [1, 0, 1]
    assert photos.class_names == ("Rose", "tulip")
    assert photos.skipped == ()


def test_color_floats_of_any_shape_are_taken_with_a_size() -> None:
    images = np.full((2, 6, 10, 3), 0.6, np.float32)

    photos = load_photos(images, image_size=4, resize="crop")

    assert photos.images.shape == (2, 4, 4)
    assert np.all(photos.images == 153)
    assert (photos.labels, photos.class_names, photos.resize) == (None, (), "crop")
    with pytest.raises(ValueError, match=r"need an image_size\. Received: height 6, width 10"):
        load_photos(images)


def test_color_is_kept_on_demand(tmp_path: Path) -> None:
    image = np.zeros((6, 6, 3), np.uint8)
    image[:3] = (200, 100, 0)
    Image.fromarray(image).save(tmp_path / "a.png")
    Image.new("L", (6, 6), 70).save(tmp_path / "b.png")

    folder = load_photos(tmp_path, image_size=6, color=True)
    array = load_photos(image[np.newaxis] / 255, color=True)
    gray = load_photos(tmp_path, image_size=6)

    np.testing.assert_array_equal(folder.images, [image, np.full((6, 6, 3), 70)])
    np.testing.assert_array_equal(array.images, image[np.newaxis])
    np.testing.assert_array_equal(gray.images[0], to_grayscale(array.images)[0])
    assert gray.digests == folder.digests
    assert load_photos(numbered(2), color=True).images.shape == (2, 4, 4, 3)


@pytest.mark.parametrize("source", [7, None, {"a.jpg"}, b"folder", [np.zeros((4, 4), np.uint8)]])
def test_sources_of_another_type_are_refused(source: object) -> None:
    with pytest.raises(TypeError, match="Received: "):
        load_photos(source)


@pytest.mark.parametrize("option", [{"min_photos": 0}, {"image_size": -1}, {"resize": "squeeze"}])
def test_wrong_options_are_refused(option: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Received: "):
        load_photos(numbered(3), **option)


def test_array_files_give_the_photos_of_their_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "photos.npy", numbered(3))
    np.savez(tmp_path / "short.npz", x=numbered(3), y=[1, 0, 1])
    np.savez(tmp_path / "named.npz", images=numbered(3), labels=[1, 0, 1], class_names=["tulip", "rose"])

    plain = load_photos(tmp_path / "photos.npy", ["b", "a", "b"])
    short, named = (load_photos(str(tmp_path / f"{name}.npz")) for name in ("short", "named"))

    for photos, names in ((plain, ("a", "b")), (short, ("0", "1")), (named, ("tulip", "rose"))):
        np.testing.assert_array_equal(photos.images, numbered(3))
        assert (photos.class_names, photos.labels.tolist()) == (names, [1, 0, 1])


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"pictures": numbered(3), "numbers": [0, 1, 1]}, "needs one array named images"),
        ({"images": np.array([{}, {}])}, "allow_pickle"),
        ({"images": numbered(3).astype(int)}, "photos.npz: Images must be uint8"),
        ({"images": numbered(3), "labels": [0, 1]}, "photos.npz: There must be one label per photo"),
        ({"images": numbered(3), "class_names": ["a"]}, "Class names need labels"),
    ],
)
def test_unusable_array_files_are_refused(
    tmp_path: Path, contents: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "photos.npz", **contents)

    with pytest.raises(PhotoError, match=message):
        load_photos(tmp_path / "photos.npz")


def test_files_without_arrays_and_labels_given_twice_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "photos.npz", images=numbered(3), labels=[0, 1, 0])
    (tmp_path / "text.npz").write_text("no arrays")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "photos.npz").read_bytes()[:400])

    for name in ("text.npz", "cut.npz", "missing.npy"):
        with pytest.raises(PhotoError, match=f"cannot be read as arrays: .*Received: '.*{name}"):
            load_photos(tmp_path / name)
    with pytest.raises(PhotoError, match="The file has labels"):
        load_photos(tmp_path / "photos.npz", [0, 1, 0])


# --- folders and paths ------------------------------------------------------------------------------------


def test_a_folder_of_classes_is_labelled_in_sorted_order(tmp_path: Path) -> None:
    write_photos(tmp_path, "rose/b.png", "daisy/z.png", "rose/a.png")

    photos = load_photos(tmp_path, image_size=4)

    assert photos.class_names == ("daisy", "rose")
    assert photos.labels.tolist() == [0, 1, 1]
    assert levels(photos.images) == [20, 30, 10]
    assert load_photos(str(tmp_path)).images.shape == (3, 128, 128)


def test_skipped_photos_leave_no_gap(tmp_path: Path) -> None:
    write_photos(tmp_path, "a/1.png", "a/3.png", "b/1.png")
    (tmp_path / "a" / "2.png").touch()

    photos = load_photos(tmp_path, image_size=4)

    assert levels(photos.images) == [10, 20, 30]
    assert photos.labels.tolist() == [0, 0, 1]
    assert [str(photo) for photo in photos.skipped] == ["a/2.png (empty file)"]


def test_a_list_of_paths_keeps_its_order_and_its_labels(tmp_path: Path) -> None:
    late, early = write_photos(tmp_path, "z.png", "a.png")
    missing = tmp_path / "missing.png"

    photos = load_photos([late, missing, str(early)], ["tulip", "tulip", "rose"], image_size=4)

    assert levels(photos.images) == [10, 20]
    assert photos.labels.tolist() == [1, 0]
    assert photos.class_names == ("rose", "tulip")
    assert [photo.path for photo in photos.skipped] == [missing.as_posix()]
    assert load_photos((late, early), image_size=4).labels is None


def test_a_class_left_without_photos_is_named(tmp_path: Path) -> None:
    paths = [*write_photos(tmp_path, "rose/a.png", "rose/b.png"), tmp_path / "tulip" / "c.png"]
    paths[2].parent.mkdir()
    paths[2].touch()

    for source, labels in ((tmp_path, None), (paths, ["rose", "rose", "tulip"])):
        with pytest.raises(PhotoError, match=r"left of: tulip\. Skipped 1: .*c\.png \(empty file\)"):
            load_photos(source, labels)


def test_too_few_photos_are_counted_and_the_skipped_ones_named(tmp_path: Path) -> None:
    write_photos(tmp_path, "good.png")
    for name in "abcd":
        (tmp_path / f"{name}.png").touch()
    (tmp_path / "empty").mkdir()

    found = r"found 1, needed at least 3\. Skipped 4: a\.png \(empty file\), b.*, …\. Received: '/"
    with pytest.raises(PhotoError, match=found):
        load_photos(tmp_path, min_photos=3)
    with pytest.raises(PhotoError, match="found 3, needed at least 4"):
        load_photos(numbered(3), min_photos=4)
    for nothing in (tmp_path / "empty", []):
        with pytest.raises(PhotoError, match="found 0"):
            load_photos(nothing)


def test_a_source_that_is_no_folder_or_has_labels_already_is_refused(tmp_path: Path) -> None:
    (photo,) = write_photos(tmp_path, "photo.png")

    for source in (tmp_path / "missing", photo):
        with pytest.raises(PhotoError, match="There must be a folder"):
            load_photos(source)
    with pytest.raises(PhotoError, match="none may be given"):
        load_photos(tmp_path, [0])


def test_strict_reading_stops_at_the_first_file_that_would_be_skipped(tmp_path: Path) -> None:
    write_photos(tmp_path, "rose/a.png", "rose/d.png")
    (tmp_path / "rose" / "b.png").touch()
    (tmp_path / "rose" / "c.png").write_text("x")

    with pytest.raises(PhotoError, match=r"Received: rose/b\.png \(empty file\)$"):
        load_photos(tmp_path, strict=True)
    write_photos(tmp_path, "loose.png", "rose/b.png", "rose/c.png")
    with pytest.raises(PhotoError, match=r"loose\.png \(beside"):
        load_photos(tmp_path, strict=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt, PhotoError])
def test_an_interrupt_or_a_strict_stop_leaves_the_remaining_files_unread(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def read(path: Path, **_: object) -> tuple[np.ndarray, str]:
        started.append(path)
        if path.name == "0":
            raise error("broken")
        time.sleep(0.01)
        return np.zeros((128, 128), np.uint8), ""

    monkeypatch.setattr(loading, "decode_file", read)
    with pytest.raises(error):
        load_photos([str(index) for index in range(1000)], strict=True)

    assert len(started) < 500


def test_one_photo_is_read_at_its_own_size_or_another(tmp_path: Path) -> None:
    (photo,) = write_photos(tmp_path, "photo.png")

    assert read_photo(photo).shape == (4, 6)
    assert read_photo(str(photo), image_size=3).shape == (3, 3)
    assert read_photo(photo, image_size=3, color=True).shape == (3, 3, 3)
    with pytest.raises(ValueError, match="resize must be one of"):
        read_photo(photo, resize="squeeze")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_photos(tmp_path, "photos/a.png")

    assert levels(load_photos("~/photos", image_size=4, quiet=True).images) == [10]
    assert levels(load_photos(["~/photos/a.png"], image_size=4, quiet=True).images) == [10]
    assert read_photo("~/photos/a.png").shape == (4, 6)


def test_all_real_photos_are_labelled_by_their_folders(photos: Path) -> None:
    flowers = load_photos(photos, image_size=16, resize="crop", color=True)

    assert flowers.class_names == ("daisy", "dandelion", "rose", "sunflower", "tulip")
    assert flowers.images.shape == (3458, 16, 16, 3)
    assert flowers.images.std(axis=(1, 2)).max(axis=1).min() > 5
    assert np.bincount(flowers.labels).tolist() == [593, 880, 612, 561, 812]
    assert flowers.skipped == ()


# --- photos of more than 8 bits ---------------------------------------------------------------------------


def test_deep_photos_of_a_set_share_one_scale_and_the_set_says_so(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(64), (64, 1))
    for name, top in (("dark", 1), ("light", 4)):
        Image.fromarray((ramp * 16 * top).astype(np.uint16)).save(tmp_path / f"{name}.png")
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "narrow.png")
    (tmp_path / "broken.png").touch()

    photos = load_photos(tmp_path, image_size=64, quiet=True)

    np.testing.assert_allclose(photos.images[0], ramp * 255 / 63 / 4, atol=0.51)
    np.testing.assert_allclose(photos.images[1], ramp * 255 / 63, atol=0.51)
    np.testing.assert_array_equal(photos.images[2], ramp)
    (note,) = photos.take([1, 2]).notes
    assert note.startswith("2 photos of 16 bits hold values from 0 to 4032: stretched")
    assert [photo.path for photo in photos.skipped] == ["broken.png"]
    np.testing.assert_array_equal(read_photo(tmp_path / "dark.png", like=photos), photos.images[0])
    assert read_photo(tmp_path / "dark.png").max() == 255
    colors = load_photos(tmp_path, image_size=64, color=True, quiet=True).images
    np.testing.assert_array_equal(colors[..., 1], photos.images)


# --- folders in disorder ----------------------------------------------------------------------------------


def test_every_file_of_a_wild_folder_is_used_or_skipped_with_its_reason(tmp_path: Path) -> None:
    for name, image, file_format, options in USABLE:
        (tmp_path / name).write_bytes(encoded(image, file_format, **options))
    for name, (contents, _) in UNUSABLE.items():
        (tmp_path / name).write_bytes(contents)

    photos = load_photos(tmp_path, image_size=8, quiet=True)

    skipped = {photo.path: photo.reason for photo in photos.skipped}
    expected = {name.replace("\n", "\\n"): reason for name, (_, reason) in UNUSABLE.items()}
    assert skipped.keys() == expected.keys()
    assert all(re.search(reason, skipped[name]) for name, reason in expected.items())
    assert len(photos.images) == len(USABLE)


def test_odd_names_are_read_and_escaped_in_messages(tmp_path: Path) -> None:
    odd = [unicodedata.normalize(form, "rosé.jpg") for form in ("NFC", "NFD")]
    odd += ["🌹.jpg", "--strict", "space ", "%s{0}.jpg", "*.jpg", "x" * 251 + ".jpg", "quote'\".jpg"]
    write_photos(tmp_path, *odd)
    bad = {"two\nlines": r"two\nlines", "\x1b[31mred": r"\x1b[31mred", "\u202egpj": r"\u202egpj"}
    bad |= {"bytes\udcff": r"bytes\udcff"}
    for name in bad:
        (tmp_path / name).touch()

    assert reasons(tmp_path) == dict.fromkeys(bad.values(), "empty file")
    assert len(load_photos(tmp_path, image_size=8).images) == len(odd)


def test_pillow_neither_warns_nor_logs_and_filters_are_put_back(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    exif[0x010F] = "a camera maker with a long name"
    for name in "abcdefgh":
        scene().save(tmp_path / f"{name}.jpg", exif=exif.tobytes()[:-20])
    large = Image.new("1", (10_000, 9_000))
    large.save(tmp_path / "large.png")
    with pytest.warns(UserWarning, match="Truncated"), Image.open(tmp_path / "a.jpg") as image:
        image.getexif()
    code = (
        "import logging, sys; from gmmaug_plugin.photos import load_photos, read_photo;"
        "load_photos(sys.argv[1], image_size=8); read_photo(sys.argv[1] + '/a.jpg');"
        "logging.getLogger('PIL.TiffImagePlugin').error('logged')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""

    before = list(warnings.filters)
    assert load_photos(tmp_path, image_size=8).skipped == ()
    assert read_photo(tmp_path / "large.png", image_size=8).max() == 0
    assert list(warnings.filters) == before


@pytest.mark.parametrize("how", ["removed", "cut", "the whole folder"])
def test_photos_that_vanish_while_they_are_read_are_skipped(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread works on the files from the last to the first, as soon as they are listed."""
    root = tmp_path / "photos"
    paths = write_photos(root, *(f"daisy/{number:03}.png" for number in range(150)))

    def change() -> None:
        if how == "the whole folder":
            shutil.rmtree(root)
            return
        for path in reversed(paths):
            if how == "cut":
                path.write_bytes(path.read_bytes()[:50])
            else:
                path.unlink()

    thread = threading.Thread(target=change)

    def find_and_change(folder: Path) -> object:
        found = find_files(folder)
        thread.start()
        return found

    monkeypatch.setattr(loading, "find_files", find_and_change)
    try:
        photos = load_photos(root, image_size=8, quiet=True)
    except PhotoError as error:
        assert re.search(r"Too few usable photos: .*Received: ", str(error))  # noqa: PT017 - allowed
    else:
        allowed = "No such file or directory|^broken image|^not an image$|^empty file$"
        assert len(photos.images) + len(photos.skipped) == 150
        assert all(re.search(allowed, photo.reason) for photo in photos.skipped)
    thread.join()
