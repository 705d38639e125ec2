"""The inputs that adapters accept: one table, checked with every adapter."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gmmaug_plugin.elements import Parts
from gmmaug_plugin.pool import Pool
from tests.factories import random_pool

tf = pytest.importorskip("tensorflow")
pytest.importorskip("albumentations")

import albumentations as A  # noqa: E402
import keras  # noqa: E402

from gmmaug_plugin.albumentations import GMMSynthesize  # noqa: E402
from gmmaug_plugin.keras import GMMSequence  # noqa: E402
from gmmaug_plugin.tensorflow import gmm_dataset, mix  # noqa: E402

N, SIDE = 16, 8
REAL = np.linspace(0, 255, SIDE * SIDE).astype(np.uint8).reshape(SIDE, SIDE)  # each real image
BFLOAT16 = tf.bfloat16.as_numpy_dtype
REFUSALS = (ValueError, TypeError, tf.errors.InvalidArgumentError)


class Batches(keras.utils.PyDataset):
    """A PyDataset of given batches."""

    def __init__(self, *batches: Any) -> None:
        super().__init__()
        self.batches = batches

    num_batches = property(lambda self: len(self.batches))

    def __getitem__(self, index: int) -> Any:
        return self.batches[index]


def with_keras(pool: Pool, *batches: Any, **options: Any) -> list[Any]:
    sequence = GMMSequence(Batches(*batches), model=pool, ratio=0.5, **options)
    return [sequence[index] for index in range(len(batches))]


def with_mix(pool: Pool, *batches: Any, **options: Any) -> list[Any]:
    dataset = tf.data.Dataset.from_tensor_slices(batches[0])
    for batch in batches[1:]:
        dataset = dataset.concatenate(tf.data.Dataset.from_tensor_slices(batch))
    return list(mix(dataset, pool, ratio=0.5, batch_size=2 * N, **options).as_numpy_iterator())


def with_batched_mix(pool: Pool, *batches: Any, **options: Any) -> list[Any]:
    """Batches of 3; ``mix`` batches them again."""
    dataset = tf.data.Dataset.from_tensor_slices(batches[0])
    for batch in batches[1:]:
        dataset = dataset.concatenate(tf.data.Dataset.from_tensor_slices(batch))
    mixed = mix(dataset.batch(3), pool, ratio=0.5, batch_size=2 * N, **options)
    return list(mixed.as_numpy_iterator())


def with_gmm_dataset(pool: Pool, *batches: Any, **options: Any) -> list[Any]:
    like = tf.data.Dataset.from_tensor_slices(batches[0])
    return list(gmm_dataset(pool, N, like=like, **options).batch(N).as_numpy_iterator())


def with_albumentations(pool: Pool, *batches: Any, tmp: Path, **options: Any) -> list[Any]:
    """One image at a time; there are images and labels only."""
    pool.save(tmp / "pool.safetensors", lossless=True)
    options.pop("label_mode", None)
    transform = A.Compose([GMMSynthesize(str(tmp / "pool.safetensors"), p=1, **options)])
    made = []
    for batch in batches:
        parts = batch if isinstance(batch, tuple) else (batch, np.zeros(N, int))
        made += [transform(image=image, label=label)["image"] for image, label in zip(*parts, strict=True)]
    return [(np.stack(made), parts[1]) if isinstance(batch, tuple) else np.stack(made)]


TF_AND_KERAS = [with_keras, with_mix, with_batched_mix, with_gmm_dataset]


@pytest.fixture(params=[*TF_AND_KERAS, with_albumentations])
def adapter(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., list[Any]]:
    if request.param is with_albumentations:
        return lambda *args, **options: with_albumentations(*args, tmp=tmp_path, **options)
    return request.param


def synthetic_rows(images: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Which rows of a mixed batch are not real."""
    return np.array([not np.array_equal(image, real[0]) for image in images])


def check_images(made: np.ndarray, wanted: np.ndarray, pool: Pool, decode: Callable) -> list[int]:
    """Check that images are of the pool, and return their classes."""
    assert (made.dtype, made.shape[1:]) == (wanted.dtype, wanted.shape[1:])
    pixels = np.concatenate([pool.images, pool.images[:, :, ::-1]]).astype(float)
    distances = np.abs(decode(made.astype(float))[:, None] - pixels[None]).max(axis=(2, 3))
    assert distances.min(axis=1).max() < 1.01
    return np.concatenate([pool.labels, pool.labels])[distances.argmin(axis=1)].tolist()


def stack(dtype: Any, black: float, white: float, channels: int | None = None, first: bool = False) -> Any:
    """N real images in a layout."""
    one = (REAL.astype(float) / 255 * (white - black) + black).astype(dtype)
    images = np.repeat(one[None], N, axis=0)
    if channels:
        images = np.repeat(images[:, None] if first else images[..., None], channels, axis=1 if first else 3)
    return images


LAYOUTS = {
    "uint8": ("uint8", 0, 255, 1),
    "float 0..255": ("float32", 0, 255, 1),
    "float 0..1": ("float32", 0, 1, 1),
    "float -1..1": ("float32", -1, 1, 1),
    "RGB": ("float32", 0, 255, 3),
    **{f"{n} channels": ("uint8", 0, 255, n) for n in (2, 4, 5, 7, 12)},
    "channels first": ("float32", 0, 1, 3, True),
    "one channel first": ("uint8", 0, 255, 1, True),
    "half floats": ("float16", 0, 1, 1),
    "double floats": ("float64", 0, 255, 3),
    "bfloat16": (BFLOAT16, 0, 1, 1),
    "no channel axis": ("uint8", 0, 255),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("stated", [False, True])
def test_synthetic_images_have_the_layout_of_real_ones(adapter, layout, stated):
    dtype, black, white, *rest = LAYOUTS[layout]
    albumentations = adapter not in TF_AND_KERAS
    if albumentations and not (
        np.dtype(dtype).name in ("uint8", "float32") and (stated or white - black != 2)
    ):
        pytest.skip("albumentations takes uint8 and float32 only")
    if albumentations and np.dtype(dtype).name == "float32" and white == 255 and not stated:
        pytest.skip("floats are in 0..1 in albumentations, unless stated")
    pool, images = random_pool(image_size=SIDE, n_classes=3), stack(*LAYOUTS[layout])
    labels = np.arange(N) % 3
    options = {"value_range": (black, white)} if stated and dtype != "uint8" else {}
    (batch,) = adapter(pool, (images, labels), **options)
    rows = synthetic_rows(batch[0], images)
    assert rows.sum() == N

    def decode(made: np.ndarray) -> np.ndarray:
        if rest:
            made = made[:, :3].mean(axis=1) if len(rest) > 1 else made[..., :3].mean(axis=3)
        return (made - black) / (white - black) * 255

    assert check_images(batch[0][rows], images, pool, decode) == batch[1][rows].tolist()


ENCODINGS: dict[str, tuple[int, Callable[[np.ndarray], np.ndarray]]] = {
    "integers": (3, lambda y: y),
    "bytes (1,)": (3, lambda y: y[:, None].astype(np.uint8)),
    "bool": (2, lambda y: y.astype(bool)),
    "bool (1,)": (2, lambda y: y[:, None].astype(bool)),
    "floats": (3, lambda y: y.astype(np.float32)),
    "half floats (1,)": (3, lambda y: y[:, None].astype(np.float16)),
    "bfloat16": (3, lambda y: y.astype(BFLOAT16)),
    "one-hot floats": (3, lambda y: np.eye(3, dtype=np.float32)[y]),
    "one-hot integers": (3, lambda y: np.eye(3, dtype=np.int8)[y]),
    "one-hot bool": (3, lambda y: np.eye(3, dtype=bool)[y]),
    "smoothed": (3, lambda y: np.float32(0.9 * np.eye(3)[y] + 0.1 / 3)),
    "numbers of one class": (1, lambda y: y),
    "numbers of one class (1,)": (1, lambda y: y[:, None]),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("order", ["as in the pool", "stated", "with more classes"])
def test_synthetic_labels_are_true_and_in_the_encoding_given(adapter, encoding, order):
    n_classes, encode = ENCODINGS[encoding]
    pool, options = random_pool(image_size=SIDE, n_classes=n_classes), {}
    numbers = np.arange(n_classes)
    if order != "as in the pool":
        pool = replace(pool, class_names=("rose", "daisy", "tulip")[:n_classes])
        options["class_names"] = sorted(pool.class_names)
        if order == "with more classes" and encoding not in ("integers", "floats"):
            pytest.skip("one table of codes is enough")
        options["class_names"] += ["weed"] * (order == "with more classes")
        numbers = np.array([options["class_names"].index(name) for name in pool.class_names])
    labels, images = encode(numbers[np.arange(N) % n_classes]), stack("uint8", 0, 255, 1)
    (batch,) = adapter(pool, (images, labels), **options)
    rows = synthetic_rows(batch[0], images)
    own = check_images(batch[0][rows], images, pool, lambda made: made[..., 0])
    found, expected = batch[1][rows], encode(numbers[own])
    assert (found.dtype, found.shape[1:]) == (labels.dtype, labels.shape[1:])
    if (
        encoding == "smoothed"
    ):  # labels of synthetic images are plain, in albumentations they are the caller's
        found, expected = found.round(), expected.round()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("labels", "received"),
    [
        (np.arange(N) % 4, "int64 labels"),
        (np.full(N, -1), r"values in \[-1, -1\]"),
        (np.full(N, 2**63, np.uint64), "uint64 labels"),
        (np.arange(N) % 2 + 0.5, r"values in \["),
        (np.full(N, np.nan), "nan"),
        (np.eye(4)[np.arange(N) % 4], r"labels of shape \(\d+, 4\)"),
        (np.full((N, 3), -7.5), r"labels of shape \(\d+, 3\)"),
        (np.zeros((N, 3), np.float32), r"labels of shape \(\d+, 3\)"),
        (np.ones((N, 3), int), r"labels of shape \(\d+, 3\)"),
        (np.eye(3)[np.arange(N) % 3] * 2 - 1 / 3, r"labels of shape \(\d+, 3\)"),
    ],
)
def test_other_labels_are_refused(adapter, labels, received):
    # Numbers beyond the classes that the first three images do not have are found in the graph.
    message = (
        rf"from 0 to 2 .*\['0', '1', '2'\].* Received: .*{received}|Batch 0 .* from 0 to 2;.*\[3( 3 3)?\]"
    )
    with pytest.raises(REFUSALS, match=message):
        adapter(random_pool(image_size=SIDE, n_classes=3), (stack("uint8", 0, 255, 1), labels))


def test_an_unknown_order_of_classes_is_refused_with_the_line_to_write(adapter):
    pool = replace(random_pool(image_size=SIDE, n_classes=2), class_names=("daisy", "rose"))
    images = stack("uint8", 0, 255, 1)
    for labels in (np.arange(N) % 2, np.eye(2)[np.arange(N) % 2]):
        with pytest.raises(ValueError, match=r"class_names=\['daisy', 'rose'\]. Received: class_names=None"):
            adapter(pool, (images, labels))
    with pytest.raises(ValueError, match=r"missing: \['rose'\]"):
        adapter(pool, (images, np.arange(N) % 2), class_names=["daisy", "tulip"])
    for names in (["daisy", "daisy"], {"daisy": 0, "rose": 1}, {"daisy", "rose"}, "daisy", [0, 1]):
        with pytest.raises(ValueError, match="different strings, in the order of the class numbers"):
            adapter(pool, (images, np.arange(N) % 2), class_names=names)


def test_classes_named_by_numbers_are_matched_by_name(adapter):
    """Folders 0 to 10 are sorted as 0, 1, 10, 2, …."""
    pool, images = random_pool(image_size=SIDE, n_classes=3), stack("uint8", 0, 255, 1)
    names = ["0", "2", "1"]
    (batch,) = adapter(pool, (images, np.arange(N) % 3), class_names=names)
    rows = synthetic_rows(batch[0], images)
    own = check_images(batch[0][rows], images, pool, lambda made: made[..., 0])
    assert [names[int(number)] for number in batch[1][rows]] == [str(number) for number in own]


def test_a_stated_encoding_is_taken_as_stated():
    pool = replace(random_pool(image_size=SIDE, n_classes=1), class_names=("rose",))
    for adapter in TF_AND_KERAS:
        for label_mode, value in (("categorical", 0), ("int", 1), ("binary", 1), (None, 1)):
            with pytest.raises(REFUSALS, match=r"(?i)labels must be"):
                adapter(pool, (stack("uint8", 0, 255, 1), np.full((N, 1), value)), label_mode=label_mode)
        with pytest.raises(ValueError, match=r"label_mode must be one of.*Received: 'onehot'"):
            adapter(pool, (stack("uint8", 0, 255, 1), np.zeros((N, 1))), label_mode="onehot")


FORMS: dict[str, Callable[[np.ndarray, np.ndarray], Any]] = {
    "x": lambda x, y: x,
    "(x,)": lambda x, y: (x,),
    "(x, y)": lambda x, y: (x, y),
    "(x, y, w)": lambda x, y: (x, y, np.full(N, 0.5, np.float32)),
    "(x, x)": lambda x, y: (x, x),
    "dict": lambda x, y: {"label": y, "image": x},
    "dict of images": lambda x, y: {"images": x},
    "dict with weights": lambda x, y: {"x": x, "y": y, "sample_weight": np.full(N, 0.5, np.float32)},
    "dict with further keys": lambda x, y: {
        "image": x,
        "label": y,
        "age": np.full((N, 2), 7.5, np.float32),
        "seen": np.full(N, True),
        "id": np.array([f"photo {i}".encode() for i in range(N)]),
    },
}


@pytest.mark.parametrize("adapter", TF_AND_KERAS)
@pytest.mark.parametrize("form", FORMS)
def test_synthetic_elements_have_the_structure_of_real_ones(adapter, form):
    pool, images, labels = random_pool(image_size=SIDE), stack("float32", 0, 1, 1), np.arange(N) % 2
    given = FORMS[form](images, labels)
    (batch,) = adapter(pool, given)
    if not isinstance(given, dict) or form == "(x,)":
        given, batch = (
            ({"x": given}, {"x": batch}) if form == "x" else (enumerate_dict(given), enumerate_dict(batch))
        )
    assert batch.keys() == given.keys()
    shown = next(value for value in batch.values() if value.shape[1:] == images.shape[1:])
    rows = synthetic_rows(shown, images)
    own = check_images(shown[rows], images, pool, lambda made: made[..., 0] * 255)
    for key, value in given.items():
        assert batch[key].shape[1:] == value.shape[1:]
        assert not (~rows).any() or sorted(batch[key][~rows].ravel().tolist()) == sorted(
            value.ravel().tolist()
        )
        made = batch[key][rows]
        if value.shape == images.shape:
            np.testing.assert_array_equal(made, shown[rows])
        elif np.array_equal(value, labels):
            assert made.tolist() == own
        else:
            expected = 1 if form in ("(x, y, w)", "dict with weights") else value.dtype.type()
            assert set(made.ravel().tolist()) == {expected}


def enumerate_dict(batch: Any) -> dict[Any, Any]:
    return dict(enumerate(batch if isinstance(batch, tuple | list) else (batch,)))


REFUSED: dict[str, tuple[Any, str]] = {
    "mask": (lambda x, y: (x, x[..., 0] > 9), r"no mask .*dataset\.map\(lambda image, mask: image\)"),
    "mask (h, w, 1)": (lambda x, y: (x, np.float32(x > 9)), "no mask"),
    "regression maps": (lambda x, y: (x, np.zeros((N, SIDE, SIDE, 5))), "no mask"),
    "mask in a dict": (lambda x, y: {"image": x, "label": y, "mask": x}, "no mask .*'mask'"),
    "nested": (lambda x, y: ({"image": x}, y), "Elements must be"),
    "no images": (lambda x, y: {"picture": x, "label": y}, "one key of"),
    "two images": (lambda x, y: {"x": x, "image": x}, "one key of"),
    "names as weights": (lambda x, y: (x, y, np.array(["a"] * N)), "Sample weights must be numbers"),
    "three weights": (lambda x, y: (x, y, np.ones((N, 3))), "Sample weights must be numbers, one for each"),
    "four parts": (lambda x, y: (x, y, y, y), "Elements must be"),
}


@pytest.mark.parametrize("adapter", TF_AND_KERAS)
@pytest.mark.parametrize("case", REFUSED)
def test_other_structures_are_refused(adapter, case):
    form, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        adapter(random_pool(image_size=SIDE), form(stack("uint8", 0, 255, 1), np.arange(N) % 2))


LATER: dict[str, tuple[Callable[[np.ndarray, np.ndarray], Any], str]] = {
    "overshoot": (lambda x, y: (x * 1.3 - 25, y), "lip"),
    "not a number": (lambda x, y: (x * np.float32(np.nan), y), "finite"),
    "number beyond the classes": (lambda x, y: (x, y + 1), "Labels must be class numbers"),
}


@pytest.mark.parametrize("adapter", [with_keras, with_mix, with_batched_mix])
@pytest.mark.parametrize("case", LATER)
def test_every_batch_is_checked(adapter, case):
    form, message = LATER[case]
    images, labels = stack("float32", 0, 255, 1), np.arange(N) % 2
    good = (images, labels)
    with pytest.raises(REFUSALS, match=rf"(?is)(?=.*{message})(?=.*batch 1\b)"):
        adapter(random_pool(image_size=SIDE), good, form(images, labels), good)


@pytest.mark.parametrize("adapter", [with_keras, with_mix, with_batched_mix])
@pytest.mark.parametrize("bad", [[1, 1, 0], [0, 0, 0], [0.5, 0.7, 0], [2, -1, 0], [np.nan, 0, 1]])
def test_every_label_vector_is_checked(adapter, bad):
    images, labels = stack("uint8", 0, 255, 1), np.eye(3, dtype=np.float32)[np.arange(N) % 3]
    later = labels.copy()
    later[5] = bad
    with pytest.raises(REFUSALS, match=r"(?is)(?=.*labels must be.*one-hot)(?=.*batch 1\b)"):
        adapter(random_pool(image_size=SIDE, n_classes=3), (images, labels), (images, later))


@pytest.mark.parametrize("adapter", [with_keras, with_mix, with_batched_mix])
def test_black_images_at_the_beginning_do_not_decide_the_value_range(adapter):
    black, images = np.zeros((N, SIDE, SIDE, 1), np.float32), stack("float32", 0, 255, 1)
    labels = np.arange(N) % 2
    batches = adapter(random_pool(image_size=SIDE), (black, labels), (images, labels))
    assert max(batch[0].max() for batch in batches[:1]) > 100
    with pytest.raises(ValueError, match=r"value_range=\(0, 255\)"):
        adapter(random_pool(image_size=SIDE), (black, labels))


@pytest.mark.parametrize("adapter", [with_keras, with_mix, with_gmm_dataset])
def test_a_range_that_images_contradict_is_warned_of(adapter):
    labels = np.arange(N) % 2
    with pytest.warns(UserWarning, match=r"value range \(0.0, 1.0\).*Received: value_range=\(0, 255\)"):
        adapter(random_pool(image_size=SIDE), (stack("float32", 0, 1, 1), labels), value_range=(0, 255))


def test_keys_name_the_parts() -> None:
    shapes = {"y": (), "image": (8, 8), "sample_weight": (), "id": ()}
    element = {key: np.zeros(shape) for key, shape in shapes.items()}
    assert Parts.of(element) == Parts("image", "y", "sample_weight", others=("id",))
    assert Parts.of((element["image"], element["y"])) == Parts(0, 1)


@pytest.mark.parametrize(
    ("image", "other"),
    [((8, 6), (8, 6, 1)), ((8, 6, 3), (8, 6)), ((3, 9, 8), (9, 8)), ((8, 6, 3), (2, 8, 6))],
)
def test_pictures_of_the_same_size_are_no_labels(image: tuple, other: tuple) -> None:
    with pytest.raises(ValueError, match="no mask"):
        Parts(0, 1).without_pictures({0: image, 1: other})
    assert Parts(0, 1).without_pictures({0: image, 1: image}).copy == 1
    assert Parts(0, 1).without_pictures({0: image, 1: (image[0],)}) == Parts(0, 1)
