"""Photos in: grayscale, sizes, labels, and the sources photos come from."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from gmmaug_plugin.photos import PhotoError, load_photos, read_photo, resize_images, to_color, to_grayscale

stacks = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=6))
color_stacks = arrays(
    np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=6).map(lambda shape: (*shape, 3))
)
sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))
ways = st.sampled_from(["stretch", "crop"])


def numbered(n_photos: int, side: int = 4) -> np.ndarray:
    """Photos, each of one gray level that identifies it."""
    return np.broadcast_to(np.arange(n_photos, dtype=np.uint8)[:, None, None], (n_photos, side, side))


def written(folder: Path, *names: str) -> list[Path]:
    """Photos of gray levels 10, 20, … in the order of their names."""
    paths = [folder / name for name in names]
    for index, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 4), 10 * (index + 1)).save(path)
    return paths


def levels(images: np.ndarray) -> list[int]:
    return [int(image.mean()) for image in images]


# --- to_grayscale -----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(color_stacks)
def test_color_becomes_the_luma_pillow_gives(images: np.ndarray) -> None:
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in images]

    np.testing.assert_array_equal(to_grayscale(images), expected)


@settings(deadline=None)
@given(color_stacks, st.sampled_from([np.float16, np.float32, np.float64]))
def test_floats_agree_with_bytes(images: np.ndarray, dtype: type) -> None:
    floats = (images / 255).astype(dtype)

    np.testing.assert_array_equal(to_grayscale(floats[..., 0]), images[..., 0])
    np.testing.assert_allclose(to_grayscale(floats).astype(int), to_grayscale(images).astype(int), atol=1)


@settings(deadline=None)
@given(stacks)
def test_gray_images_stay_as_they_are(images: np.ndarray) -> None:
    np.testing.assert_array_equal(to_grayscale(images), images)
    np.testing.assert_array_equal(to_grayscale(images[..., np.newaxis]), images)
    np.testing.assert_allclose(to_grayscale(np.stack([images] * 3, axis=-1)), images)


@settings(deadline=None)
@given(color_stacks)
def test_colors_stay_as_they_are_and_gray_gets_three_channels(images: np.ndarray) -> None:
    assert to_color(images) is images
    np.testing.assert_array_equal(to_color(images / 255), images)
    for gray in (images[..., 0], images[..., :1], images[..., 0] / 255):
        np.testing.assert_array_equal(to_color(gray), images[..., :1].repeat(3, axis=-1))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((4, 4), np.uint8), ValueError, r"shape \(4, 4\)"),
        (np.zeros((1, 4, 4, 4), np.uint8), ValueError, r"shape \(1, 4, 4, 4\)"),
        (np.zeros((1, 0, 4), np.uint8), ValueError, "no side of it zero"),
        (np.zeros((0, 4, 4), np.uint8), ValueError, "no side of it zero"),
        (np.zeros((1, 4, 4), np.int64), TypeError, "dtype int64"),
        (np.zeros((1, 4, 4), bool), TypeError, "dtype bool"),
        (np.full((1, 4, 4), np.nan), ValueError, "finite"),
        (np.full((1, 4, 4), np.inf), ValueError, "finite"),
        (np.full((1, 4, 4), 255.0), ValueError, "divide by 255 or clip. Received: 255 to 255"),
        (np.full((1, 4, 4), -0.1), ValueError, "Received: -0.1 to -0.1"),
    ],
)
def test_what_is_no_image_is_refused(images: np.ndarray, error: type[Exception], message: str) -> None:
    for convert in (to_grayscale, to_color):
        with pytest.raises(error, match=message):
            convert(images)


# --- resize_images ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(stacks, sizes, ways)
def test_resizing_keeps_dtype_and_range(images: np.ndarray, size: tuple[int, int], way: str) -> None:
    for stack in (images, images.astype(np.float32) / 255):
        resized = resize_images(stack, size, resize=way)

        assert resized.dtype == stack.dtype
        assert resized.shape == (len(images), *size)
        assert np.all(resized.max(axis=(1, 2)) <= stack.max(axis=(1, 2)) + 1e-6)
        assert np.all(resized.min(axis=(1, 2)) >= stack.min(axis=(1, 2)) - 1e-6)


@settings(deadline=None)
@given(stacks, sizes, ways)
def test_floats_resize_like_bytes(images: np.ndarray, size: tuple[int, int], way: str) -> None:
    as_bytes = resize_images(images, size, resize=way)
    as_floats = resize_images(images.astype(np.float32), size, resize=way)

    np.testing.assert_allclose(as_bytes, as_floats, atol=1.01)


@settings(deadline=None)
@given(stacks, sizes)
def test_resizing_a_mirrored_image_mirrors_the_result(images: np.ndarray, size: tuple[int, int]) -> None:
    floats = images.astype(np.float32)

    mirrored = resize_images(np.ascontiguousarray(floats[:, ::-1, ::-1]), size)

    np.testing.assert_allclose(mirrored, resize_images(floats, size)[:, ::-1, ::-1], atol=1e-3)


@settings(deadline=None)
@given(color_stacks, sizes, ways)
def test_channels_are_resized_like_grayscale_images(
    images: np.ndarray, size: tuple[int, int], way: str
) -> None:
    for stack in (images, images[..., :1], images.astype(np.float32)):
        resized = resize_images(stack, size, resize=way)

        assert resized.shape == (len(stack), *size, stack.shape[3])
        for channel in range(stack.shape[3]):
            alone = resize_images(np.ascontiguousarray(stack[..., channel]), size, resize=way)
            np.testing.assert_array_equal(resized[..., channel], alone)


def test_shrinking_averages_instead_of_picking() -> None:
    checkered = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[np.newaxis]

    np.testing.assert_allclose(resize_images(checkered, 8), 127.5, atol=1)


def test_cropping_keeps_the_centred_square_and_its_proportions() -> None:
    wide = np.arange(10, dtype=np.uint8)[np.newaxis, np.newaxis].repeat(4, axis=1)

    np.testing.assert_array_equal(resize_images(wide, 4, resize="crop"), wide[:, :, 3:7])
    np.testing.assert_array_equal(
        resize_images(wide.transpose(0, 2, 1), 4, resize="crop"), wide[:, :, 3:7].transpose(0, 2, 1)
    )
    np.testing.assert_array_equal(resize_images(wide, (4, 8), resize="crop"), wide[:, :, 1:9])


def test_the_right_size_costs_nothing() -> None:
    images = numbered(3, side=5)

    assert resize_images(images, 5) is images


@pytest.mark.parametrize(
    ("images", "size", "way", "error"),
    [
        (np.zeros((4, 4), np.uint8), 4, "stretch", ValueError),
        (np.zeros((1, 0, 4), np.uint8), 4, "stretch", ValueError),
        (np.zeros((1, 4, 4), np.float64), 2, "stretch", TypeError),
        (numbered(1), 0, "stretch", ValueError),
        (numbered(1), 2.5, "stretch", ValueError),
        (numbered(1), True, "stretch", ValueError),
        (numbered(1), (2, 2, 2), "stretch", ValueError),
        (numbered(1), 2, "squeeze", ValueError),
    ],
)
def test_impossible_sizes_are_refused(
    images: np.ndarray, size: int, way: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match="Received: "):
        resize_images(images, size, resize=way)


# --- arrays and labels ------------------------------------------------------------------------------------


def test_arrays_keep_their_size_and_their_order() -> None:
    photos = load_photos(numbered(3), np.array([1, 0, 1], np.uint8))

    np.testing.assert_array_equal(photos.images, numbered(3))
    assert photos.labels.dtype == np.int32
    assert photos.labels.tolist() == [1, 0, 1]
    assert photos.class_names == ("0", "1")
    assert photos.skipped == ()


def test_string_labels_become_sorted_class_names() -> None:
    for labels in (["tulip", "Rose", "tulip"], np.array(["tulip", "Rose", "tulip"], object)):
        photos = load_photos(numbered(3), labels)

        assert photos.class_names == ("Rose", "tulip")
        assert photos.labels.tolist() == [1, 0, 1]


def test_color_floats_of_any_shape_are_taken_with_a_size() -> None:
    images = np.full((2, 6, 10, 3), 0.6, np.float32)

    photos = load_photos(images, image_size=4, resize="crop")

    assert photos.images.shape == (2, 4, 4)
    assert np.all(photos.images == 153)
    assert photos.labels is None
    assert photos.class_names == ()
    with pytest.raises(ValueError, match=r"need an image_size\. Received: height 6, width 10"):
        load_photos(images)


def test_color_is_kept_on_demand(tmp_path: Path) -> None:
    image = np.zeros((6, 6, 3), np.uint8)
    image[:3] = (200, 100, 0)
    Image.fromarray(image).save(tmp_path / "a.png")
    Image.new("L", (6, 6), 70).save(tmp_path / "b.png")

    folder = load_photos(tmp_path, image_size=6, color=True)
    array = load_photos(image[np.newaxis] / 255, color=True)

    np.testing.assert_array_equal(folder.images, [image, np.full((6, 6, 3), 70)])
    np.testing.assert_array_equal(array.images, image[np.newaxis])
    np.testing.assert_array_equal(
        load_photos(tmp_path, image_size=6).images[0], to_grayscale(array.images)[0]
    )
    assert load_photos(numbered(2), color=True).images.shape == (2, 4, 4, 3)
    assert load_photos(tmp_path, image_size=6).digests == folder.digests


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 1], ValueError, r"one label per photo, 3. Received: shape \(2,\)"),
        (np.eye(3, dtype=int), ValueError, r"Received: shape \(3, 3\)"),
        ([0, -1, 1], ValueError, "labels from -1 to 1, none equal to 0"),
        ([0, 2, 2], ValueError, "labels from 0 to 2, none equal to 1"),
        ([1, 2, 3], ValueError, "none equal to 0"),
        ([0.0, 1.0, 2.0], TypeError, "Received: float"),
        ([True, False, True], TypeError, "Received: bool"),
        (["rose", 1, 2], TypeError, "Received: int, str"),
        ([None, "a", "b"], TypeError, "Received: NoneType, str"),
    ],
)
def test_wrong_labels_are_refused(labels: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_photos(numbered(3), labels)


@pytest.mark.parametrize("source", [7, None, {"a.jpg"}, b"folder", [np.zeros((4, 4), np.uint8)]])
def test_sources_of_another_type_are_refused(source: object) -> None:
    with pytest.raises(TypeError, match="Received: "):
        load_photos(source)


def test_too_few_photos_are_counted() -> None:
    with pytest.raises(PhotoError, match="found 3, needed at least 4"):
        load_photos(numbered(3), min_photos=4)
    with pytest.raises(PhotoError, match="found 0, needed at least 1"):
        load_photos(np.zeros((0, 4, 4), np.uint8))
    assert len(load_photos(numbered(1), min_photos=1).images) == 1


@pytest.mark.parametrize("option", [{"min_photos": 0}, {"image_size": -1}, {"resize": "squeeze"}])
def test_wrong_options_are_refused(option: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Received: "):
        load_photos(numbered(3), **option)


# --- array files ------------------------------------------------------------------------------------------


def test_array_files_give_what_their_arrays_give(tmp_path: Path) -> None:
    np.save(tmp_path / "photos.npy", numbered(3))
    np.savez(tmp_path / "short.npz", x=numbered(3), y=[1, 0, 1])
    np.savez(tmp_path / "named.npz", images=numbered(3), labels=[1, 0, 1], class_names=["tulip", "rose"])
    np.savez(tmp_path / "text.npz", images=numbered(3), labels=["b", "a", "a"], class_names=["b", "a"])

    plain = load_photos(tmp_path / "photos.npy", ["b", "a", "b"])
    short, named, text = (load_photos(str(tmp_path / f"{name}.npz")) for name in ("short", "named", "text"))

    for photos in (plain, short, named, text):
        np.testing.assert_array_equal(photos.images, numbered(3))
    assert (plain.class_names, plain.labels.tolist()) == (("a", "b"), [1, 0, 1])
    assert (short.class_names, short.labels.tolist()) == (("0", "1"), [1, 0, 1])
    assert (named.class_names, named.labels.tolist()) == (("tulip", "rose"), [1, 0, 1])
    assert (text.class_names, text.labels.tolist()) == (("b", "a"), [0, 1, 1])


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"pictures": numbered(3)}, "needs the key 'images' or 'x'"),
        ({"images": np.array([{}, {}])}, "allow_pickle"),
        ({"images": numbered(3).astype(int)}, "photos.npz: Images must be uint8"),
        ({"images": numbered(3), "labels": [0, 1]}, "one label per photo"),
        ({"images": numbered(3), "class_names": ["a"]}, "Class names need labels"),
        ({"images": numbered(3), "labels": [0, 1, 0], "class_names": ["a"]}, "must name the 2 classes"),
        ({"images": numbered(3), "labels": ["a", "b", "a"], "class_names": ["a", "c"]}, "must name the 2"),
        ({"images": numbered(3), "labels": [0, 1, 0], "class_names": ["a", "a"]}, "different strings"),
        ({"images": numbered(3), "labels": [0, 1, 0], "class_names": [1, 2]}, "different strings"),
    ],
)
def test_unusable_array_files_are_refused(
    tmp_path: Path, contents: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "photos.npz", **contents)

    with pytest.raises(PhotoError, match=message):
        load_photos(tmp_path / "photos.npz")


def test_array_files_of_other_content_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no arrays")
    np.savez(tmp_path / "photos.npz", images=numbered(3), labels=[0, 1, 0])

    with pytest.raises(PhotoError, match="cannot be read as arrays"):
        load_photos(tmp_path / "text.npz")
    with pytest.raises(PhotoError, match="no such file"):
        load_photos(tmp_path / "missing.npy")
    with pytest.raises(PhotoError, match="The file has labels"):
        load_photos(tmp_path / "photos.npz", [0, 1, 0])


# --- folders and paths ------------------------------------------------------------------------------------


def test_a_folder_of_classes_is_labelled_in_sorted_order(tmp_path: Path) -> None:
    written(tmp_path, "rose/b.png", "daisy/z.png", "rose/a.png")

    photos = load_photos(tmp_path, image_size=4)

    assert photos.class_names == ("daisy", "rose")
    assert photos.labels.tolist() == [0, 1, 1]
    assert levels(photos.images) == [20, 30, 10]
    assert load_photos(str(tmp_path)).images.shape == (3, 128, 128)


def test_skipped_photos_leave_no_gap(tmp_path: Path) -> None:
    written(tmp_path, "a/1.png", "a/3.png", "b/1.png")
    (tmp_path / "a" / "2.png").touch()

    photos = load_photos(tmp_path, image_size=4)

    assert levels(photos.images) == [10, 20, 30]
    assert photos.labels.tolist() == [0, 0, 1]
    assert [str(photo) for photo in photos.skipped] == ["a/2.png (empty file)"]


def test_a_list_of_paths_keeps_its_order_and_its_labels(tmp_path: Path) -> None:
    late, early = written(tmp_path, "z.png", "a.png")
    missing = tmp_path / "missing.png"

    photos = load_photos([late, missing, str(early)], ["tulip", "tulip", "rose"], image_size=4)

    assert levels(photos.images) == [10, 20]
    assert photos.labels.tolist() == [1, 0]
    assert photos.class_names == ("rose", "tulip")
    assert [photo.path for photo in photos.skipped] == [missing.as_posix()]
    assert load_photos((late, early), image_size=4).labels is None


def test_a_class_left_without_photos_is_named(tmp_path: Path) -> None:
    paths = [*written(tmp_path, "rose/a.png", "rose/b.png"), tmp_path / "tulip" / "c.png"]
    paths[2].parent.mkdir()
    paths[2].touch()

    for source, labels in ((tmp_path, None), (paths, ["rose", "rose", "tulip"])):
        with pytest.raises(PhotoError, match=r"left of: tulip\. Skipped 1: .*c\.png \(empty file\)"):
            load_photos(source, labels)


def test_too_few_photos_say_what_was_skipped(tmp_path: Path) -> None:
    written(tmp_path, "good.png")
    for name in "abcd":
        (tmp_path / f"{name}.png").touch()

    with pytest.raises(
        PhotoError, match=r"found 1, needed at least 3\. Skipped 4: a\.png \(empty file\), b.*, …"
    ):
        load_photos(tmp_path, min_photos=3)
    for nothing in (tmp_path / "empty", []):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(PhotoError, match="found 0"):
            load_photos(nothing)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (photo,) = written(tmp_path, "photo.png")

    for source in (tmp_path / "missing", photo):
        with pytest.raises(PhotoError, match="There must be a folder"):
            load_photos(source)
    with pytest.raises(PhotoError, match="none can be given besides"):
        load_photos(tmp_path, [0])


def test_one_photo_is_read_at_its_own_size_or_another(tmp_path: Path) -> None:
    (photo,) = written(tmp_path, "photo.png")

    assert read_photo(photo).shape == (4, 6)
    assert read_photo(str(photo), image_size=3).shape == (3, 3)
    assert read_photo(photo, image_size=3, color=True).shape == (3, 3, 3)
    with pytest.raises(PhotoError, match=r"No such file or directory\. Received: "):
        read_photo(tmp_path / "missing.png")


# --- real photos ------------------------------------------------------------------------------------------


def test_all_real_photos_are_labelled_by_their_folders(photos: Path) -> None:
    flowers = load_photos(photos, image_size=16, resize="crop", color=True)

    assert flowers.class_names == ("daisy", "dandelion", "rose", "sunflower", "tulip")
    assert flowers.images.shape == (3458, 16, 16, 3)
    assert flowers.images.std(axis=(1, 2)).max(axis=1).min() > 5
    assert np.bincount(flowers.labels).tolist() == [593, 880, 612, 561, 812]
    assert flowers.skipped == ()


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.full((8, 8), 9, np.uint8)).save(tmp_path / "photos" / "a.png")

    assert load_photos("~/photos", image_size=4, quiet=True).images.max() == 9
    assert len(load_photos(["~/photos/a.png"], image_size=4, quiet=True).images) == 1
    assert read_photo("~/photos/a.png").shape == (8, 8)
