"""What the transforms promise, by themselves and in pipelines."""

import copy
import importlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

A = pytest.importorskip("albumentations")

from gmmaug_plugin import albumentations as subject  # noqa: E402
from gmmaug_plugin.albumentations import GMMSynthesize, GMMVary  # noqa: E402
from tests.albumentations.conftest import SIZE  # noqa: E402

TRANSFORMS = [GMMSynthesize, GMMVary]


def picture(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return pixels if dtype == "uint8" else (pixels / 255).astype(dtype)


def recorded(pipeline: Any, **data: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a pipeline made, and the parameters of each of its transforms."""
    result = pipeline(**data)
    return result, [params for _, params in result["applied_transforms"]]


# What every transform promises


@pytest.mark.parametrize("transform", TRANSFORMS)
@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 50),
    width=st.integers(1, 50),
    channels=st.sampled_from([(), (1,), (3,)]),
    dtype=st.sampled_from(["uint8", "float32", "float64"]),
    transposed=st.booleans(),
)
def test_keeps_the_layout_and_leaves_the_input_alone(
    transform, paths, height, width, channels, dtype, transposed
):
    image = picture((height, width, *channels), dtype)
    if transposed:
        image = np.swapaxes(image, 0, 1)
    before = image.copy()
    image.setflags(write=False)
    made = A.Compose([transform(paths["labelled"], p=1.0)], strict=True, seed=0)(image=image, label=1)
    assert made["image"].shape == image.shape
    assert made["image"].dtype == image.dtype
    assert made["image"].flags["C_CONTIGUOUS"]
    assert not np.shares_memory(made["image"], image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("shape", [(SIZE, SIZE), (20, 45), (20, 45, 3)])
def test_bytes_and_floats_agree(transform, path, shape):
    pipeline = A.ReplayCompose([transform(path, p=1.0)])
    image = picture(shape, "uint8")
    as_bytes = pipeline(image=image, label=0)
    as_floats = pipeline.replay(as_bytes["replay"], image=image.astype(np.float32) / 255, label=0)
    assert as_floats["image"].dtype == np.float32
    np.testing.assert_allclose(as_floats["image"] * 255, as_bytes["image"], atol=0.51)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("data_format", ["json", "yaml"])
def test_pipelines_come_back_from_files(transform, path, photo, tmp_path, data_format):
    options = {"strength": (0.25, 0.75)} if transform is GMMVary else {}
    pipeline = A.Compose([A.OneOf([transform(path, **options, p=0.9)], p=1.0), A.HorizontalFlip()])
    A.save(pipeline, tmp_path / "pipeline", data_format=data_format)
    loaded = A.load(tmp_path / "pipeline", data_format=data_format)
    assert repr(loaded) == repr(pipeline)
    assert repr(A.from_dict(A.to_dict(pipeline))) == repr(pipeline)
    for one in (pipeline, loaded):
        one.set_random_seed(5)
    for _ in range(4):
        np.testing.assert_array_equal(
            pipeline(image=photo, label=2)["image"], loaded(image=photo, label=2)["image"]
        )


def test_saved_pipelines_name_the_transforms_by_a_path_that_never_moves(path):
    saved = A.to_dict(A.Compose([GMMSynthesize(path), GMMVary(path, strength=0.5)]))
    assert saved["transform"]["transforms"] == [
        {
            "__class_fullname__": "gmmaug_plugin.albumentations.GMMSynthesize",
            "p": 0.5,
            "model": path,
            "strength": None,
        },
        {
            "__class_fullname__": "gmmaug_plugin.albumentations.GMMVary",
            "p": 0.5,
            "model": path,
            "strength": 0.5,
        },
    ]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_replay_is_exact_through_json(transform, path, photo, flowers):
    pipeline = A.ReplayCompose([A.HorizontalFlip(p=0.5), transform(path, p=0.7)])
    for label in ("0", 1, np.int64(2), "1", 2):
        made = pipeline(image=photo, label=label)
        text = json.dumps(made["replay"])
        assert len(text) < 2000
        again = A.ReplayCompose.replay(json.loads(text), image=photo)
        np.testing.assert_array_equal(again["image"], made["image"])


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_seed_settles_every_image(transform, path, photo):
    def run(seed: int | None) -> list[bytes]:
        pipeline = A.Compose([transform(path, p=1.0)], seed=seed)
        return [pipeline(image=photo, label=1)["image"].tobytes() for _ in range(4)]

    assert run(3) == run(3)
    assert len({*run(3), *run(4), *run(None), *run(None)}) == 16


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_copies_share_a_stream_only_if_it_was_chosen(transform, path, photo):
    for copied in (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):
        for seed in (None, 7):
            pipeline = A.Compose([transform(path, p=1.0)], seed=seed)
            twin = copied(pipeline)
            same = np.array_equal(
                pipeline(image=photo, label=1)["image"], twin(image=photo, label=1)["image"]
            )
            assert same == (seed is not None)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("shape", [(4, 24, 24), (4, 24, 24, 1), (4, 24, 24, 3)])
def test_a_stack_is_transformed_alike(transform, path, shape):
    images = picture(shape, "uint8")
    pipeline = A.ReplayCompose([transform(path, p=1.0)])
    made = pipeline(images=images, volume=images, label=0)
    assert made["images"].shape == shape
    for before, after in zip(images, made["images"], strict=True):
        alone = pipeline.replay(made["replay"], image=before)["image"]
        np.testing.assert_array_equal(after, alone)
    np.testing.assert_array_equal(made["volume"], made["images"])
    volumes = pipeline.replay(made["replay"], volumes=np.stack([images, images]))["volumes"]
    np.testing.assert_array_equal(volumes, np.stack([made["images"]] * 2))
    listed = A.Compose([transform(path, p=1.0)])(images=list(images), label=0)["images"]
    assert isinstance(listed, list)
    assert [one.shape for one in listed] == [shape[1:]] * 4


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_what_belongs_to_the_image_passes_through(transform, path, photo):
    mask = (photo > 99).astype(np.uint8)
    boxes = np.array([[1, 2, 20, 30]], np.float32)
    pipeline = A.Compose(
        [A.HorizontalFlip(p=0.0), transform(path, p=1.0)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["kinds"]),
        additional_targets={"second": "image"},
    )
    made = pipeline(image=photo, second=photo, mask=mask, bboxes=boxes, kinds=[4], label="2")
    np.testing.assert_array_equal(made["second"], made["image"])
    assert not np.array_equal(made["image"], photo)
    np.testing.assert_array_equal(made["mask"], mask)
    np.testing.assert_array_equal(made["bboxes"], boxes)
    assert (made["kinds"], made["label"]) == ([4], "2")


# Labels


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("label", [1, "1", np.int32(1), np.uint8(1), np.str_("1")])
def test_the_label_comes_out_as_it_went_in(transform, path, photo, strict, label):
    pipeline = A.Compose([A.HorizontalFlip(), transform(path, p=1.0)], strict=strict, seed=0)
    made = pipeline(image=photo, label=label)
    assert made["label"] is label
    np.testing.assert_array_equal(made["image"], pipeline_of_number(transform, path)(photo))


def pipeline_of_number(transform, path):
    pipeline = A.Compose([A.HorizontalFlip(), transform(path, p=1.0)], seed=0)
    return lambda image: pipeline(image=image, label=1)["image"]


def test_a_synthetic_image_is_of_the_labels_class(path, photo, models):
    pipeline = A.Compose([GMMSynthesize(path, p=1.0)], save_applied_params=True)
    for label in (0, 1, 2):
        made, (params,) = recorded(pipeline, image=photo, label=label)
        images, labels = models["labelled"].sample(1, label=label, seed=[params["sample_seed"], 0])
        assert labels.tolist() == [label]
        np.testing.assert_array_equal(made["image"], images[0])


def test_variation_stays_in_the_labels_class(path, photo, models):
    pipeline = A.Compose([GMMVary(path, strength=(0.2, 0.9), p=1.0)], save_applied_params=True)
    strengths = set()
    for label in (0, 1, 2, None):
        made, (params,) = recorded(pipeline, image=photo, label=label)
        expected = models["labelled"].vary(
            photo, strength=params["strength"], label=label, seed=[params["sample_seed"], 1]
        )
        np.testing.assert_array_equal(made["image"], expected)
        strengths.add(params["strength"])
    assert len(strengths) == 4
    assert all(0.2 <= one <= 0.9 for one in strengths)


def test_strength_tells_how_far_an_image_moves(path, photo):
    def distance(strength: float) -> float:
        made = A.Compose([GMMVary(path, strength=strength, p=1.0)], seed=1)(image=photo, label=0)["image"]
        return float(np.abs(made.astype(float) - photo).mean())

    assert distance(0) == 0
    assert 0 < distance(0.2) < distance(1)


@pytest.mark.parametrize("model", ["single", "unlabelled"])
def test_a_model_of_one_kind_needs_no_label(paths, photo, model, models):
    pipeline = A.Compose([GMMSynthesize(paths[model], p=1.0)], save_applied_params=True)
    made, (params,) = recorded(pipeline, image=photo)
    images, _ = models[model].sample(1, seed=[params["sample_seed"], 0])
    np.testing.assert_array_equal(made["image"], images[0])


def test_a_model_of_several_classes_needs_a_label(path, photo):
    for label in ({}, {"label": None}):
        with pytest.raises(ValueError, match=r"several classes needs the label.*Received: label=None"):
            GMMSynthesize(path, p=1.0)(image=photo, **label)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("label", [3, -1, "tulip", 1.0, [1], np.array([1, 2])])
def test_unknown_labels_are_refused(transform, path, photo, label):
    with pytest.raises(ValueError, match="Received: label="):
        transform(path, p=1.0)(image=photo, label=label)


def test_an_unlabelled_model_knows_no_label_to_make_but_varies_any(paths, photo):
    with pytest.raises(ValueError, match=r"unlabelled.*Received: label=1"):
        GMMSynthesize(paths["unlabelled"], p=1.0)(image=photo, label=1)
    assert GMMVary(paths["unlabelled"], p=1.0)(image=photo, label=1)["label"] == 1


# Arguments and images


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_models_go_in_as_paths(transform, path, models):
    assert transform(Path(path)).model == path
    for wrong, name in ((models["labelled"], "PCAMixture"), (None, "NoneType"), (b"m", "bytes")):
        with pytest.raises(TypeError, match=rf"path of a model file.*Received: {name}"):
            transform(wrong)


@pytest.mark.parametrize(
    "strength", [1.1, -0.1, (0.6, 0.3), (0.1, 1.5), (0.1, 0.2, 0.3), float("nan"), "far"]
)
def test_strength_outside_its_range_is_refused(path, strength):
    with pytest.raises(ValueError, match="strength"):
        GMMVary(path, strength=strength)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_images_that_have_no_brightness_are_refused(transform, path):
    apply = transform(path, p=1.0)
    for channels in (2, 4):
        with pytest.raises(ValueError, match=r"Images must be .*Received: shape"):
            apply(image=picture((8, 8, channels), "uint8"), label=0)
    with pytest.raises(ValueError, match=r"in \[0, 1\].*Received: values"):
        apply(image=np.full((8, 8), 77, np.float32), label=0)
    with pytest.raises(TypeError, match="Received: dtype int64"):
        apply(image=np.ones((8, 8), np.int64), label=0)


def test_the_file_is_read_at_first_use_once_and_again_when_it_changes(models, tmp_path, photo, monkeypatch):
    path = tmp_path / "model.safetensors"
    transforms = [GMMSynthesize(path, p=1.0), GMMVary(path, p=1.0)]
    with pytest.raises(FileNotFoundError):
        transforms[0](image=photo, label=0)
    reads = []
    monkeypatch.setattr(subject, "load_model", lambda p: reads.append(p) or models[kind])
    for kind in ("labelled", "single"):
        models[kind].save(path)
        for transform in transforms * 2:
            transform(image=photo, label=0)
    assert reads == [str(path)] * 2
    with pytest.raises(ValueError, match="No such class"):
        transforms[0](image=photo, label=2)


def test_a_synthetic_image_is_not_moved_by_the_noise_that_made_it(paths, photo):
    # Compose gives every transform the same seed. A full move by the same noise would change nothing.
    make = GMMSynthesize(paths["single"], p=1.0)
    move = GMMVary(paths["single"], strength=1.0, p=1.0)
    made = A.Compose([make], seed=11)(image=photo)["image"]
    moved = A.Compose([make, move], seed=11)(image=photo)["image"]
    assert np.abs(moved.astype(float) - made).mean() > 2


# The package without its framework


def test_the_extra_is_named_where_the_framework_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "albumentations", None)
    monkeypatch.delitem(sys.modules, "gmmaug_plugin.albumentations")
    with pytest.raises(ImportError, match=r"gmmaug-plugin\[albumentations\]"):
        importlib.import_module("gmmaug_plugin.albumentations")


def test_nothing_asks_for_updates_and_the_package_root_stays_light():
    code = (
        "import os, sys, gmmaug_plugin\n"
        "assert 'albumentations' not in sys.modules\n"
        "import gmmaug_plugin.albumentations\n"
        "assert os.environ['NO_ALBUMENTATIONS_UPDATE'] == '1'\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "NO_ALBUMENTATIONS_UPDATE"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
