"""``GMMSynthesize``, alone, in pipelines and in worker processes."""

import copy
import json
import multiprocessing
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
from gmmaug_plugin.albumentations import GMMSynthesize  # noqa: E402
from gmmaug_plugin.artifact import ArtifactError  # noqa: E402
from gmmaug_plugin.image_layout import reshape_images  # noqa: E402
from gmmaug_plugin.pool import Pool  # noqa: E402
from tests.factories import random_pool  # noqa: E402

SIZE = 32
# Numerical libraries keep threads, and Python 3.12 and later warn of forking with threads.
multi_threaded_fork = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@pytest.fixture(scope="module")
def pools() -> dict[str, Pool]:
    return {
        "labelled": random_pool(60, image_size=SIZE, n_classes=3),
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


def picture(shape: tuple[int, ...], dtype: str = "uint8") -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return pixels if dtype == "uint8" else (pixels / 255).astype(dtype)


def pipeline_of(path: str, seed: int | None = None) -> Any:
    return A.Compose([GMMSynthesize(path, p=1.0)], seed=seed, save_applied_params=True)


def sample_seed(result: dict[str, Any]) -> int:
    """The recorded parameter that determines the image."""
    ((_, params),) = result["applied_transforms"]
    return params["sample_seed"]


def image_at(pool: Pool, sample_seed: int, label: int | None) -> np.ndarray:
    rows, mirrored = pool.order(0, label)
    place = [sample_seed % len(rows)]
    return pool.take(rows[place], mirrored[place])[0][0]


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 50),
    width=st.integers(1, 50),
    channels=st.sampled_from([(), (1,), (3,), (5,), (7,)]),
    dtype=st.sampled_from(["uint8", "float32", "float64"]),
    transposed=st.booleans(),
)
def test_keeps_the_layout_and_leaves_the_input_alone(paths, height, width, channels, dtype, transposed):
    image = picture((height, width, *channels), dtype)
    if transposed:
        image = np.swapaxes(image, 0, 1)
    before = image.copy()
    image.setflags(write=False)
    made = A.Compose([GMMSynthesize(paths["labelled"], p=1.0)], strict=True, seed=0)(image=image, label=1)
    assert made["image"].shape == image.shape
    assert made["image"].dtype == image.dtype
    assert made["image"].flags["C_CONTIGUOUS"]
    assert not np.shares_memory(made["image"], image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", [(SIZE, SIZE), (20, 45), (20, 45, 3)])
def test_bytes_and_floats_agree(path, shape):
    pipeline = A.ReplayCompose([GMMSynthesize(path, p=1.0)])
    as_bytes = pipeline(image=picture(shape), label=0)
    as_floats = pipeline.replay(as_bytes["replay"], image=picture(shape, "float32"), label=0)
    assert as_floats["image"].dtype == np.float32
    np.testing.assert_allclose(as_floats["image"] * 255, as_bytes["image"], atol=0.01)


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
    for channels in ((), (1,), (3,)):
        made = pipeline(image=picture((SIZE, SIZE, *channels)), label=1)
        color = image_at(pools["color"], sample_seed(made), 1)[None]
        expected = reshape_images(color, (SIZE, SIZE), channels[0] if channels else None)[0]
        np.testing.assert_array_equal(made["image"], expected)


@pytest.mark.parametrize("data_format", ["json", "yaml"])
def test_pipelines_come_back_from_files(path, photo, tmp_path, data_format):
    pipeline = A.Compose([A.OneOf([GMMSynthesize(path, p=0.9)], p=1.0), A.HorizontalFlip()])
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


def test_saved_pipelines_name_the_transform_by_a_path_that_never_moves(path):
    saved = A.to_dict(A.Compose([GMMSynthesize(path)]))
    name = "gmmaug_plugin.albumentations.GMMSynthesize"
    assert saved["transform"]["transforms"] == [{"__class_fullname__": name, "p": 0.5, "model": path}]


def test_replay_is_exact_through_json(path, photo):
    pipeline = A.ReplayCompose([A.HorizontalFlip(p=0.5), GMMSynthesize(path, p=0.7)])
    for label in ("a", 1, np.int64(2), "b", 2):
        made = pipeline(image=photo, label=label)
        text = json.dumps(made["replay"])
        assert len(text) < 2000
        again = A.ReplayCompose.replay(json.loads(text), image=photo)
        np.testing.assert_array_equal(again["image"], made["image"])


def test_a_seed_determines_every_image(path, photo):
    def run(seed: int | None) -> list[bytes]:
        pipeline = pipeline_of(path, seed)
        return [pipeline(image=photo, label=1)["image"].tobytes() for _ in range(6)]

    assert run(3) == run(3)
    assert len({tuple(run(seed)) for seed in (3, 4, None, None)}) == 4


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_only_copies_of_a_seeded_pipeline_draw_the_same(path, photo, copied, seed):
    pipeline = pipeline_of(path, seed)
    drawn = [sample_seed(one(image=photo, label=1)) for one in (copied(pipeline), pipeline)]
    assert (drawn[0] == drawn[1]) == (seed is not None)


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


def test_other_targets_are_unchanged(path, photo):
    mask = (photo > 99).astype(np.uint8)
    boxes = np.array([[1, 2, 20, 30]], np.float32)
    pipeline = A.Compose(
        [A.HorizontalFlip(p=0.0), GMMSynthesize(path, p=1.0)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["kinds"]),
        additional_targets={"second": "image"},
    )
    made = pipeline(image=photo, second=photo, mask=mask, bboxes=boxes, kinds=[4], label="c")
    np.testing.assert_array_equal(made["second"], made["image"])
    assert not np.array_equal(made["image"], photo)
    np.testing.assert_array_equal(made["mask"], mask)
    np.testing.assert_array_equal(made["bboxes"], boxes)
    assert (made["kinds"], made["label"]) == ([4], "c")


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("label", ["b", np.int32(1), np.uint8(1), np.str_("b"), 1.0, np.float32(1), True])
def test_the_label_comes_out_as_it_went_in(path, photo, strict, label):
    def run(label: Any) -> dict[str, Any]:
        pipeline = A.Compose([A.HorizontalFlip(), GMMSynthesize(path, p=1.0)], strict=strict, seed=0)
        return pipeline(image=photo, label=label)

    made = run(label)
    assert made["label"] is label
    np.testing.assert_array_equal(made["image"], run(1)["image"])


@pytest.mark.parametrize("pool", ["single", "unlabelled"])
def test_a_pool_of_one_kind_needs_no_label(paths, photo, pool, pools):
    made = pipeline_of(paths[pool])(image=photo)
    np.testing.assert_array_equal(made["image"], image_at(pools[pool], sample_seed(made), None))


def test_a_pool_of_several_classes_needs_a_label(path, photo):
    for label in ({}, {"label": None}):
        with pytest.raises(ValueError, match=r"several classes needs the label.*Received: label=None"):
            GMMSynthesize(path, p=1.0)(image=photo, **label)


@pytest.mark.parametrize("label", [3, -1, "tulip", 1.5, float("nan"), [1], np.array([1, 2])])
def test_unknown_labels_are_refused(paths, photo, label):
    for pool in ("labelled", "unlabelled"):
        with pytest.raises(ValueError, match=r"label must be .*Received: "):
            GMMSynthesize(paths[pool], p=1.0)(image=photo, label=label)


def test_pools_are_given_as_paths(path, pools):
    assert GMMSynthesize(Path(path)).model == path
    for wrong, name in ((pools["labelled"], "Pool"), (None, "NoneType"), (b"m", "bytes")):
        with pytest.raises(TypeError, match=rf"path of a pool's file.*Received: {name}"):
            GMMSynthesize(wrong)


def test_images_of_other_values_are_refused(path):
    apply = GMMSynthesize(path, p=1.0)
    with pytest.raises(ValueError, match=r"in \[0, 1\].*Received: values"):
        apply(image=np.full((8, 8), 77, np.float32), label=0)
    with pytest.raises(TypeError, match="Received: dtype int64"):
        apply(image=np.ones((8, 8), np.int64), label=0)


def test_the_file_is_read_at_first_use_once_and_again_when_it_changes(pools, tmp_path, photo, monkeypatch):
    path = tmp_path / "pool.safetensors"
    transforms = [GMMSynthesize(path, p=1.0), GMMSynthesize(path, p=0.9)]
    with pytest.raises(FileNotFoundError):
        transforms[0](image=photo, label=0)
    reads = []
    load = subject.load_model
    monkeypatch.setattr(subject, "load_model", lambda p: reads.append(p) or load(p))
    for kind in ("labelled", "single"):
        pools[kind].save(path)
        for transform in transforms * 2:
            transform(image=photo, label=0, force_apply=True)
    assert reads == [str(path)] * 2
    with pytest.raises(ValueError, match="label must be"):
        transforms[0](image=photo, label=2)
    path.write_bytes(b"no pool at all")
    with pytest.raises(ArtifactError):
        transforms[0](image=photo, label=0)


def test_nothing_asks_for_updates():
    code = "import os, gmmaug_plugin.albumentations\nassert os.environ['NO_ALBUMENTATIONS_UPDATE'] == '1'\n"
    environment = {name: value for name, value in os.environ.items() if name != "NO_ALBUMENTATIONS_UPDATE"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def sample_seeds(pipeline: Any, photo: np.ndarray) -> list[int]:
    return [sample_seed(pipeline(image=photo, label=1)) for _ in range(2)]


def work(pipeline: Any, photo: np.ndarray, seed: int | None, answers: Any) -> None:
    if seed is not None:
        pipeline.set_random_seed(seed)
    answers.put(sample_seeds(pipeline, photo))


def seeds_of_workers(
    method: str, pipeline: Any, photo: np.ndarray, *, names: list[str], seed: int | None = None
) -> list[list[int]]:
    """Two sample seeds from each of several processes that begin with the same pipeline."""
    context = multiprocessing.get_context(method)
    answers, seeds = context.SimpleQueue(), []
    for name in names:
        worker = context.Process(target=work, args=(pipeline, photo, seed, answers), name=name)
        worker.start()
        seeds.append(answers.get())
        worker.join()
    return seeds


@multi_threaded_fork
@pytest.mark.parametrize("seed", [None, 9])
def test_forked_workers_draw_streams_of_their_own(path, photo, seed):
    pipeline = pipeline_of(path, seed)
    pipeline(image=photo, label=1)
    names = ["reader-1", "reader-2", "reader-3"]
    first = seeds_of_workers("fork", pipeline, photo, names=names)
    assert len({one for seeds in first for one in seeds}) == 6
    second = seeds_of_workers("fork", pipeline, photo, names=names)
    assert (first == second) == (seed is not None)


@multi_threaded_fork
def test_a_worker_may_be_seeded_by_its_program(path, photo):
    pipeline = pipeline_of(path)
    (seeds,) = seeds_of_workers("fork", pipeline, photo, names=["reader"], seed=5)
    pipeline.set_random_seed(5)
    assert seeds == sample_seeds(pipeline, photo)


@multi_threaded_fork
def test_spawned_workers_draw_streams_of_their_own(path, photo):
    seeds = seeds_of_workers("spawn", pipeline_of(path), photo, names=["reader-1", "reader-2"])
    assert len({one for pair in seeds for one in pair}) == 4
    seeded = pipeline_of(path, 2)
    forked = seeds_of_workers("fork", seeded, photo, names=["reader-1", "reader-2"])
    assert seeds_of_workers("spawn", seeded, photo, names=["reader-2"]) == forked[1:]
    assert forked[0] != forked[1]
