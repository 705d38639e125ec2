"""``GMMSynthesize``, alone and in pipelines; tests/scale has worker processes."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

A = pytest.importorskip("albumentations")

from gmmaug_plugin import albumentations as subject  # noqa: E402
from gmmaug_plugin.albumentations import GMMSynthesize  # noqa: E402
from gmmaug_plugin.artifact import ArtifactError  # noqa: E402
from gmmaug_plugin.image_layout import reshape_images  # noqa: E402
from gmmaug_plugin.pool import Pool  # noqa: E402
from tests.factories import random_pool  # noqa: E402

SIZE = 32


@pytest.fixture(scope="module")
def pools() -> dict[str, Pool]:
    return {
        "labelled": random_pool(60, image_size=SIZE, n_classes=3),
        "named": replace(random_pool(60, image_size=SIZE, n_classes=3), class_names=("a", "b", "c")),
        "unlabelled": random_pool(60, image_size=SIZE, n_classes=0),
        "single": random_pool(60, image_size=SIZE, n_classes=1),
        "color": random_pool(60, image_size=SIZE, n_classes=3, channels=3),
    }


@pytest.fixture(scope="module")
def paths(pools: dict[str, Pool], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pools")
    for name, pool in pools.items():
        pool.save(folder / f"{name}.safetensors", lossless=True)
    return {name: str(folder / f"{name}.safetensors") for name in pools}


@pytest.fixture
def path(paths: dict[str, str]) -> str:
    return paths["labelled"]


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (SIZE, SIZE), np.uint8)


def picture(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def pipeline_of(path: str, seed: int | None = None, **options: Any) -> Any:
    return A.Compose([GMMSynthesize(path, p=1.0, **options)], seed=seed, save_applied_params=True)


def class_of(image: np.ndarray, pool: Pool) -> int:
    """The class of the pool's image that a gray image of the pool's size is."""
    same = [np.array_equal(one, image) or np.array_equal(one[:, ::-1], image) for one in pool.images]
    return int(pool.labels[same.index(True)])


def sample_seed(result: dict[str, Any]) -> int:
    """The recorded parameter that determines the image."""
    ((_, params),) = result["applied_transforms"]
    return params["sample_seed"]


def image_at(pool: Pool, sample_seed: int, label: int | None) -> np.ndarray:
    rows, mirrored = pool.order(0, label)
    place = [sample_seed % len(rows)]
    return pool.take(rows[place], mirrored[place])[0][0]


@settings(max_examples=60, deadline=None)
@given(
    sides=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    channels=st.sampled_from([(), (1,), (2,), (3,), (4,), (5,), (7,)]),
    dtype=st.sampled_from(["uint8", "float16", "float32", "float64"]),
    transposed=st.booleans(),
    pool=st.sampled_from(["labelled", "color"]),
)
def test_keeps_the_layout_and_leaves_the_input_alone(paths, sides, channels, dtype, transposed, pool):
    image = picture((*sides, *channels))
    image = image if dtype == "uint8" else (image / 255).astype(dtype)
    image = np.swapaxes(image, 0, 1) if transposed else image
    before = image.copy()
    image.setflags(write=False)
    made = A.Compose([GMMSynthesize(paths[pool], p=1.0)], strict=True, seed=0)(image=image, label=1)
    assert (made["image"].shape, made["image"].dtype) == (image.shape, image.dtype)
    assert made["image"].flags["C_CONTIGUOUS"]
    assert not np.shares_memory(made["image"], image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(("value_range", "black", "white"), [(None, 0, 1), ((-1, 1), -1, 1), (2.0, 0, 2)])
def test_every_image_must_be_in_the_value_range(path, value_range, black, white):
    transform = GMMSynthesize(path, p=1.0, value_range=value_range)
    image = np.full((20, 45), black, np.float32)
    assert transform(image=image, label=2)["image"].max() > 0.4 * white
    for value in (white + 0.1, black - 0.1, np.nan):
        bad = np.stack([image, np.full_like(image, value)])
        for data in ({"image": bad[1]}, {"images": bad}, {"volumes": bad[None]}):
            with pytest.raises(ValueError, match=r"finite and in the value range.*Received: values"):
                transform(**data, label=2)


def test_in_pipelines_that_change_the_value_range(path):
    image, normalize = picture((SIZE, SIZE, 3)), A.Normalize(mean=0.5, std=0.25, p=1.0)
    around = [A.ToFloat(255, p=1.0), GMMSynthesize(path, p=1.0), A.FromFloat("uint8", p=1.0)]
    made = A.Compose(around, seed=1)(image=image, label=2)["image"]
    np.testing.assert_allclose(made, pipeline_of(path, 1)(image=image, label=2)["image"], atol=1)
    with pytest.raises(ValueError, match=r"in the value range.*before A\.Normalize"):
        A.Compose([normalize, GMMSynthesize(path, p=1.0)])(image=image, label=2)


def test_images_of_other_kinds_are_refused(path):
    apply = GMMSynthesize(path, p=1.0)
    with pytest.raises(TypeError, match="Received: dtype int64"):
        apply(image=np.ones((8, 8), np.int64), label=0)
    with pytest.raises(TypeError, match=r"before A\.ToTensorV2\. Received: SimpleNamespace"):
        apply(image=SimpleNamespace(shape=(3, 8, 8)), label=0)


def test_the_image_is_one_of_the_labels_class(path, photo, pools):
    pipeline, pool = pipeline_of(path), pools["labelled"]
    of_class = [{one.tobytes() for one in pool.images[k::3]} for k in range(3)]
    plain = set()
    for label in (0, 1, 2) * 8:
        made = pipeline(image=photo, label=label)
        image = made["image"]
        np.testing.assert_array_equal(image, image_at(pool, sample_seed(made), label))
        plain.add(image.tobytes() in of_class[label])
        assert {image.tobytes(), image[:, ::-1].tobytes()} & of_class[label]
    assert plain == {True, False}


def test_a_pool_in_color_makes_color_and_brightness(paths, pools):
    pipeline = pipeline_of(paths["color"])
    for channels in ((), (1,), (2,), (3,), (4,), (5,), (7,)):
        made = pipeline(image=picture((SIZE, SIZE, *channels)), label=1)
        color = image_at(pools["color"], sample_seed(made), 1)[None]
        expected = reshape_images(color, (SIZE, SIZE), channels[0] if channels else None)[0]
        np.testing.assert_array_equal(made["image"], expected)


@pytest.mark.parametrize("data_format", ["json", "yaml"])
def test_pipelines_come_back_from_files(path, photo, tmp_path, data_format):
    options = {"class_names": ["0", "1", "2"], "value_range": [0, 255]}
    pipeline = A.Compose([A.OneOf([GMMSynthesize(path, p=0.9, **options)], p=1.0), A.HorizontalFlip()])
    A.save(pipeline, tmp_path / "pipeline", data_format=data_format)
    loaded = A.load(tmp_path / "pipeline", data_format=data_format)
    assert repr(loaded) == repr(pipeline)
    assert repr(A.from_dict(A.to_dict(pipeline))) == repr(pipeline)
    for one in (pipeline, loaded):
        one.set_random_seed(5)
    made, again = ([one(image=photo, label=2)["image"] for _ in range(4)] for one in (pipeline, loaded))
    np.testing.assert_array_equal(made, again)


def test_saved_pipelines_name_the_transform_by_a_path_that_never_moves(path):
    saved = A.to_dict(A.Compose([GMMSynthesize(path)]))
    name = "gmmaug_plugin.albumentations.GMMSynthesize"
    older = {"__class_fullname__": name, "p": 0.5, "model": path}
    assert saved["transform"]["transforms"] == [{**older, "value_range": None, "class_names": None}]
    (loaded,) = A.from_dict({"transform": {**saved["transform"], "transforms": [older]}})
    assert repr(loaded) == repr(GMMSynthesize(path))


def test_replay_is_exact_through_json(paths, photo):
    options = {"class_names": ("c", "a", "b"), "value_range": 255}
    pipeline = A.ReplayCompose([A.HorizontalFlip(p=0.5), GMMSynthesize(paths["named"], p=0.7, **options)])
    for label in ("a", 1, np.int64(2), "b", 2):
        made = pipeline(image=photo, label=label)
        text = json.dumps(made["replay"])
        assert len(text) < 2000
        again = A.ReplayCompose.replay(json.loads(text), image=photo)
        np.testing.assert_array_equal(again["image"], made["image"])


@pytest.mark.parametrize("shape", [(4, 24, 24), (4, 24, 24, 1), (4, 24, 24, 3)])
def test_a_stack_is_transformed_alike(path, shape):
    images = picture(shape)
    pipeline = A.ReplayCompose([GMMSynthesize(path, p=1.0)])
    made = pipeline(images=images, volume=images, label=0)
    assert made["images"].shape == shape
    alone = pipeline.replay(made["replay"], image=images[0])["image"]
    for one in made["images"]:
        np.testing.assert_array_equal(one, alone)
    np.testing.assert_array_equal(made["volume"], made["images"])
    volumes = pipeline.replay(made["replay"], volumes=np.stack([images, images]))["volumes"]
    np.testing.assert_array_equal(volumes, np.stack([made["images"]] * 2))
    listed = A.Compose([GMMSynthesize(path, p=1.0)])(images=list(images), label=0)["images"]
    assert isinstance(listed, list)
    assert [one.shape for one in listed] == [shape[1:]] * 4


MASK = np.eye(SIZE, dtype=np.uint8)
ANNOTATIONS = {
    "mask": {"mask": MASK},
    "masks": {"masks": np.stack([MASK, MASK])},
    "mask3d": {"mask3d": np.stack([MASK, MASK])},
    "bboxes": {"bboxes": np.array([[1, 2, 20, 30]], np.float32), "kinds": [4]},
    "keypoints": {"keypoints": np.float32([[3, 4]])},
    "a mask of another name": {"lesion": MASK},
}


@pytest.mark.parametrize("kind", ANNOTATIONS)
def test_masks_boxes_and_keypoints_are_unchanged_with_a_warning(path, photo, kind):
    pipeline = A.Compose(
        [A.HorizontalFlip(p=0.0), GMMSynthesize(path, p=1.0)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["kinds"]),
        keypoint_params=A.KeypointParams("xy"),
        additional_targets={"second": "image", "lesion": "mask"},
        strict=True,
    )
    data = {"image": photo, "second": photo, "label": "1", "bboxes": np.zeros((0, 4)), "kinds": []}
    data |= {"keypoints": np.zeros((0, 2)), "masks": []}
    pipeline(**data)
    data |= ANNOTATIONS[kind]
    with pytest.warns(UserWarning, match=f"leave them out.*Received: .*{next(iter(ANNOTATIONS[kind]))}"):
        made = pipeline(**data)
    np.testing.assert_array_equal(made["second"], made["image"])
    assert not np.array_equal(made["image"], photo)
    for name in data.keys() - {"image", "second"}:
        np.testing.assert_array_equal(made[name], data[name])


def test_further_data_passes_through(path, photo):
    further = {"id": object(), "age": 7.5, "y": np.ones(3), "names": ["a"], "none": None}
    made = pipeline_of(path)(image=photo, label=1, **further)
    assert all(made[name] is value for name, value in further.items())


@pytest.mark.parametrize("pool", ["single", "unlabelled"])
def test_a_pool_of_one_kind_needs_no_label(paths, photo, pool, pools):
    made = pipeline_of(paths[pool])(image=photo)
    np.testing.assert_array_equal(made["image"], image_at(pools[pool], sample_seed(made), None))


NAMED = ["b", np.str_("b"), np.array("b"), ["b"]]
NUMBERED = [1, 1.0, np.float16(1), np.array(1), np.uint8([1]), [1.0]]
ONE_HOT = [[0, 1, 0], np.array([0, 1, 0], bool), np.float32([0.05, 0.9, 0.05])]


@pytest.mark.parametrize("label", [*NAMED, *NUMBERED, *ONE_HOT])
def test_the_label_is_read_and_comes_out_as_it_went_in(paths, pools, photo, label):
    transform = GMMSynthesize(paths["named"], p=1.0, class_names=["c", "b", "a"])
    made = A.Compose([transform], strict=True)(image=photo, label=label)
    assert made["label"] is label
    assert class_of(made["image"], pools["named"]) == 1


def test_class_names_may_name_the_classes_of_a_pool_without_names_and_have_others(paths, pools, photo):
    names = ["rose", "daisy", "tulip", "weed"]
    pipeline = pipeline_of(paths["labelled"], class_names=names)
    for label in ("daisy", 1, np.eye(4)[1]):
        assert class_of(pipeline(image=photo, label=label)["image"], pools["labelled"]) == 1
    # The pool has no image of this class to take.
    np.testing.assert_array_equal(pipeline(image=photo, label="weed")["image"], photo)


def test_a_pool_of_several_classes_needs_a_label(paths, photo):
    transform = GMMSynthesize(paths["named"], p=1.0)
    for label in ({}, {"label": None}):
        with pytest.raises(ValueError, match=r"No label.*pass label=\.\.\., one of \['a', 'b', 'c'\]"):
            transform(image=photo, **label)


@pytest.mark.parametrize("boxes", [[], [[1, 2, 20, 30]]])
@pytest.mark.filterwarnings("ignore:A synthetic image shows another object")
def test_the_labels_of_boxes_are_not_the_label_of_the_image(paths, photo, boxes):
    fields = A.BboxParams("pascal_voc", label_fields=["label"])
    data = {"image": photo, "bboxes": np.reshape(boxes, (-1, 4)), "label": [1.0] * len(boxes)}
    with pytest.raises(ValueError, match=r"'label' among the label_fields .*call that field otherwise"):
        A.Compose([A.NoOp(), GMMSynthesize(paths["named"], p=1.0)], bbox_params=fields)(**data)
    A.Compose([A.NoOp(), GMMSynthesize(paths["single"], p=1.0)], bbox_params=fields)(**data)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        *((label, "Labels must be class numbers from 0 to 2") for label in (3, [[1]], [1, 1, 0])),
        *((label, "the classes are") for label in ("tulip", "", "01")),
        ([0.5, 0.5, 0.0], "before images are mixed"),
        *((label, "of one image.*Received: label=") for label in (b"0", {"a": 1}, 2**70, ["0", "1"])),
    ],
)
def test_unknown_labels_are_refused(paths, photo, label, message):
    with pytest.raises(ValueError, match=message):
        GMMSynthesize(paths["labelled"], p=1.0)(image=photo, label=label)
    with pytest.raises(ValueError, match="pool has no classes"):
        GMMSynthesize(paths["unlabelled"], p=1.0)(image=photo, label=label)


NESTINGS = {
    "OneOf": lambda one: A.OneOf([one], p=1.0),
    "SomeOf with replacement": lambda one: A.SomeOf([one], n=3, replace=True),
    "RandomOrder": lambda one: A.RandomOrder([one, A.HorizontalFlip(p=0.0)], n=2),
    "OneOrOther": lambda one: A.OneOrOther(one, one),
    "Compose": lambda one: A.Compose([A.Compose([one], strict=True)]),
    "several": lambda one: A.OneOf([A.Sequential([A.SomeOf([A.OneOrOther(one, one)])], p=1.0)], p=1.0),
}


@pytest.mark.parametrize("nesting", NESTINGS)
def test_labels_reach_nested_transforms(paths, pools, photo, nesting):
    pipeline = A.Compose(
        [A.NoOp(), NESTINGS[nesting](GMMSynthesize(paths["named"], p=1.0))],
        additional_targets={"second": "image"},
        strict=True,
    )
    for label, number in (("c", 2), ("a", 0)):
        made = pipeline(image=photo, second=photo, label=label)
        assert class_of(made["image"], pools["named"]) == number
        np.testing.assert_array_equal(made["second"], made["image"])
    with pytest.raises(ValueError, match=r"the classes are \['a', 'b', 'c'\]"):
        pipeline(image=photo, label="tulip")


def test_some_channels_are_replaced_only_where_no_label_is_needed(paths, photo):
    image = np.stack([photo] * 5, axis=2)

    def run(pool: str) -> np.ndarray:
        one = A.OneOf([GMMSynthesize(paths[pool], p=1.0)], p=1.0)
        pipeline = A.Compose([A.SelectiveChannelTransform([one], channels=[3, 2])])
        return pipeline(image=image, label="a")["image"]

    with pytest.raises(ValueError, match=r"SelectiveChannelTransform hands on .*place GMMSynthesize outside"):
        run("named")
    changed = [not np.array_equal(run("single")[..., k], photo) for k in range(5)]
    assert changed == [False, False, True, True, False]


def test_pools_are_given_as_paths(path, pools):
    assert GMMSynthesize(Path(path)).model == path
    assert GMMSynthesize(PureWindowsPath("C:/pools/a.safetensors")).model == r"C:\pools\a.safetensors"
    for wrong, name in ((pools["labelled"], "Pool"), (None, "NoneType"), (b"m", "bytes")):
        with pytest.raises(TypeError, match=rf"path of a pool's file.*Received: {name}"):
            GMMSynthesize(wrong)


def test_home_is_expanded_where_the_pipeline_runs(path, photo, monkeypatch):
    transform = GMMSynthesize("~/labelled.safetensors", p=1.0)
    assert transform.model == "~/labelled.safetensors"
    monkeypatch.setenv("HOME", str(Path(path).parent))
    transform(image=photo, label=0)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"class_names": wrong} for wrong in ("ab", {"a", "b"}, [0, 1], [["a"]], [])),
        *({"value_range": wrong} for wrong in ((1, 0), (0, 1, 2), "white")),
    ],
)
def test_other_arguments_are_refused(path, wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name} must be .*Received: {name}="):
        GMMSynthesize(path, **wrong)


def test_the_file_is_read_at_first_use_once_and_again_when_it_changes(pools, tmp_path, photo, monkeypatch):
    path = tmp_path / "pool.safetensors"
    transforms = [GMMSynthesize(path, p=1.0), GMMSynthesize(path, p=0.9)]
    with pytest.raises(FileNotFoundError, match=r"pool\.safetensors"):
        transforms[0](image=photo, label=0)
    reads = []
    load = subject.load_model
    monkeypatch.setattr(subject, "load_model", lambda p: reads.append(p) or load(p))
    for kind in ("labelled", "single"):
        pools[kind].save(path)
        for transform in transforms * 2:
            transform(image=photo, label=0, force_apply=True)
    assert reads == [path] * 2
    with pytest.raises(ValueError, match="Labels must be"):
        transforms[0](image=photo, label=2)
    path.write_bytes(b"no pool at all")
    with pytest.raises(ArtifactError):
        transforms[0](image=photo, label=0)


def test_nothing_asks_for_updates():
    code = "import os, gmmaug_plugin.albumentations\nassert os.environ['NO_ALBUMENTATIONS_UPDATE'] == '1'\n"
    environment = {name: value for name, value in os.environ.items() if name != "NO_ALBUMENTATIONS_UPDATE"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
