"""Files of multi-scale mixtures."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gmmaug_plugin import load_model
from gmmaug_plugin.artifact import ArtifactError, describe_artifact, save_model
from gmmaug_plugin.cli import app
from gmmaug_plugin.models.multiscale import MultiscaleMixture
from gmmaug_plugin.models.strengths import Strengths
from tests.factories import random_model
from tests.multiscale_models import random_multiscale
from tests.test_artifact import read_parts, write_parts

TENSORS = {
    "weights": (np.float64, (4,)),
    "means": (np.float32, (4, 64)),
    "variances": (np.float32, (4, 64)),
    "groups": (np.int32, (4,)),
    "classes": (np.int32, (4,)),
    "factor_offsets": (np.int32, (5,)),
    "details.16.first.weights": (np.float64, (4,)),
    "details.16.first.means": (np.float32, (4, 11)),
    "details.32.first.roots": (np.float16, (4, 66)),
    "details.32.second.means": (np.float32, (4, 23)),
    "details.32.third.roots": (np.float16, (4, 276)),
    "details.32.third.classes": (np.int32, (4,)),
    "template_base": (np.float16, (5, 64)),
    "template_base_components": (np.int32, (5,)),
    "template_components": (np.uint8, (5, 320)),
    "template_innovations": (np.uint8, (5, 320)),
}
"""What a file of 32 x 32 pixels, two classes of two components, and five templates has, among others."""

several = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    random_multiscale(shared=False, templates=5).save(path)
    return path


def arrays_of(model: MultiscaleMixture) -> list[np.ndarray]:
    """All arrays of a model, in order."""
    mixtures: list[Any] = [model.base, *(mixture for phases in model.levels for mixture in phases)]
    parts = mixtures if model.templates is None else [*mixtures, model.templates]
    return [getattr(part, field.name) for part in parts for field in fields(part)]


@several
@given(
    image_size=st.sampled_from([32, 64]),
    n_classes=st.integers(1, 3),
    per_class=st.integers(1, 3),
    shared=st.booleans(),
    templates=st.sampled_from([0, 1, 9]),
    synthesis=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_a_loaded_model_is_the_saved_one(
    tmp_path: Path,
    image_size: int,
    n_classes: int,
    per_class: int,
    shared: bool,
    templates: int,
    synthesis: float,
    seed: int,
) -> None:
    model = random_multiscale(
        image_size=image_size,
        n_classes=n_classes,
        per_class=per_class,
        shared=shared,
        templates=templates and max(templates, n_classes * per_class),
        strengths=Strengths(synthesis if templates else 1.0, 0.25),
        seed=seed,
    )
    path = tmp_path / "model.safetensors"
    size = save_model(model, path)
    loaded = load_model(path)
    assert isinstance(loaded, MultiscaleMixture)
    assert size == path.stat().st_size
    assert (loaded.class_names, loaded.info, loaded.strengths) == (
        model.class_names,
        model.info,
        model.strengths,
    )
    for found, expected in zip(arrays_of(loaded), arrays_of(model), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    images, labels = model.sample(4, seed=seed)
    found_images, found_labels = loaded.sample(4, seed=seed)
    np.testing.assert_array_equal(found_images, images)
    np.testing.assert_array_equal(found_labels, labels)
    np.testing.assert_array_equal(loaded.vary(images, seed=1), model.vary(images, seed=1))
    np.testing.assert_array_equal(loaded.score_samples(images), model.score_samples(images))


def test_the_same_model_gives_the_same_bytes(artifact: Path) -> None:
    first = artifact.read_bytes()
    random_multiscale(shared=False, templates=5).save(artifact)
    assert artifact.read_bytes() == first
    load_model(artifact).save(artifact)
    assert artifact.read_bytes() == first
    random_multiscale(shared=False, templates=5, seed=1).save(artifact)
    assert artifact.read_bytes() != first


def test_the_file_holds_what_is_documented(artifact: Path) -> None:
    document, tensors = read_parts(artifact)
    assert (document["kind"], document["format_version"]) == ("multiscale", 3)
    assert (document["image_size"], document["value_range"]) == (32, [0, 255])
    assert (document["class_names"], document["info"]) == (["a", "b"], {"note": "made for tests"})
    assert document["strengths"] == {"synthesis": 1.0, "variation": 0.5}
    assert {name: (tensors[name].dtype.type, tensors[name].shape) for name in TENSORS} == TENSORS
    assert tensors["factors"].dtype == np.float16
    phases = [f"details.{size}.{phase}" for size in (16, 32) for phase in ("first", "second", "third")]
    every = {f"{phase}.{name}" for phase in phases for name in ("weights", "means", "roots", "classes")}
    assert set(tensors) == every | set(TENSORS) | {"factors"}


def test_a_pca_model_keeps_its_version(tmp_path: Path) -> None:
    path = tmp_path / "pca.safetensors"
    random_model().save(path)
    assert read_parts(path)[0]["format_version"] == 2
    old = Path(__file__).parent / "artifact" / "formats" / "version-1-flip.safetensors"
    assert load_model(old).kind == "pca"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 4}, r"newer gmmaug-plugin.*up to 3\. Received: format version 4"),
        ({"image_size": 48}, r"image_size must be one of \[32, .*512\]\. Received: 48"),
        ({"image_size": 1024}, "image_size must be one of .* Received: 1024"),
        ({"image_size": 32.0}, "image_size must be one of .* Received: 32.0"),
        ({"image_size": [32]}, "image_size must be one of .* Received: "),
        ({"image_size": None}, "image_size must be one of .* Received: None"),
        ({"image_size": 64}, r"missing \['details\.64"),
        ({"kind": "pca", "format_version": 2}, "symmetry must be one of .* Received: None"),
        ({"class_names": ["a"]}, "classes must be .* Received: "),
        ({"class_names": ["a", "b", "c"]}, "classes must be .* Received: "),
        ({"class_names": ["a", "a"]}, "class_names must be .* Received: "),
        ({"info": []}, "info must be .* Received: list"),
        ({"strengths": {"variation": 2.0}}, r"variation must be in \[0, 1\]. Received: 2.0"),
        ({"info": {"note": "another"}}, "SHA-256.* Received: "),
    ],
)
def test_a_changed_document_is_refused(artifact: Path, change: dict, message: str) -> None:
    document, tensors = read_parts(artifact)
    write_parts(artifact, {**document, **change}, tensors)
    with pytest.raises(ArtifactError, match=message):
        load_model(artifact)


def setting(place: Any, value: float) -> Callable[[np.ndarray], np.ndarray]:
    """A change that puts one value at a place."""

    def change(array: np.ndarray) -> np.ndarray:
        changed = array.copy()
        changed[place] = value
        return changed

    return change


def far_apart(roots: np.ndarray) -> np.ndarray:
    """The smallest float16 numbers on the diagonals, the greatest beside them."""
    return np.where(roots > 2.5, 6e-8, 65504).astype(np.float16)


CHANGES: list[tuple[str, Callable[[np.ndarray], np.ndarray | None], str]] = [
    ("weights", lambda a: a * 2, "weights must be .*sum to one"),
    ("variances", lambda a: -a, "variances must be positive"),
    ("factors", lambda a: a.astype(np.float32), r"'factors' must be float16 .* Received: F32"),
    ("factors", lambda a: a[:, 1:].copy(), r"'factors' must be float16"),
    ("factor_offsets", lambda a: a[::-1].copy(), "factor_offsets must ascend"),
    ("groups", lambda a: a + 1, "groups must be"),
    ("classes", lambda a: a * 0, "classes must be"),
    ("details.16.first.weights", lambda a: a[:0], "'details.16.first.weights' must have 1 to 256 rows"),
    ("details.16.first.weights", lambda _: np.full(257, 1 / 257), r"1 to 256 rows. Received: shape \(257,\)"),
    ("details.16.first.weights", lambda a: a / 2, "'details.16.first.weights' must be .*sum 0.5"),
    ("details.16.first.weights", lambda a: a + np.array([-1, 1, 0, 0]), "weights' must be positive or zero"),
    ("details.32.third.weights", lambda a: a / a[2:].sum() * [0, 0, 1, 1], "third.classes' must be -1"),
    ("details.32.third.classes", lambda a: a * 0, "classes' must be -1 throughout, or the labels 0 to 1"),
    ("details.32.third.classes", lambda a: a + 1, "classes' must be .* Received: 1 to 2"),
    ("details.32.third.classes", setting(0, -1), "classes' must be .* Received: -1 to 1"),
    ("details.32.third.classes", lambda a: a - 1, "classes' must be .* Received: -1 to 0"),
    (
        "details.32.second.roots",
        setting((1, 0), 0),
        "second.roots' must have positive diagonals. Received: 0",
    ),
    ("details.32.second.roots", setting((1, -1), -1), "roots' must have positive diagonals. Received: -1"),
    ("details.32.second.roots", far_apart, r"must make finite densities\. Received: "),
    ("details.32.first.means", lambda a: a * 1e30, r"must make finite densities\. Received: "),
    ("details.16.third.classes", lambda _: None, r"missing \['details.16.third.classes'\]"),
    ("details.64.first.means", lambda _: np.zeros(1), r"unknown \['details.64.first.means'\]"),
    ("template_base", lambda a: a[:0], "'template_base' must have 1 to .* Received: "),
    ("template_base_components", lambda a: a + 3, "components' must be numbers of components, 0 to 3"),
    ("template_base_components", lambda a: a - 1, "components' must be numbers of components, 0 to 3"),
    ("template_base_components", lambda a: a * 0, "Every class must have a template. Received: "),
    ("template_components", setting((0, 319), 4), "positions 192 to 319 must be .* 0 to 3. Received: 4"),
    (
        "template_components",
        setting((0, 0), 2),
        "positions 0 to 15 must be components of the template's class",
    ),
    ("template_innovations", setting((4, 7), 252), r"must be codes below 252\. Received: 252"),
    ("template_innovations", lambda _: None, r"missing \['template_innovations'\]"),
    ("means", lambda a: a + 1, "SHA-256.* Received: "),
]


@pytest.mark.parametrize(("name", "change", "message"), CHANGES)
def test_changed_tensors_are_refused(artifact: Path, name: str, change: Callable, message: str) -> None:
    document, tensors = read_parts(artifact)
    changed = {**tensors, name: change(tensors.get(name))}
    write_parts(artifact, document, {key: value for key, value in changed.items() if value is not None})
    with pytest.raises(ArtifactError, match=f"(?s){message}") as refused:
        load_model(artifact)
    assert "Received: " in str(refused.value)


@pytest.mark.parametrize("name", TENSORS)
def test_types_shapes_and_values_of_all_tensors_are_checked(artifact: Path, name: str) -> None:
    document, tensors = read_parts(artifact)
    right = tensors[name]
    wrong = [
        right.astype(np.int8),
        right[..., None],
        np.concatenate([right, right[:1]]),
        *([right[:, :-1].copy()] if right.ndim > 1 else []),
    ]
    for array in wrong:
        write_parts(artifact, document, {**tensors, name: array})
        with pytest.raises(ArtifactError, match=r"must (be|have) .*Received: "):
            load_model(artifact)
    if np.issubdtype(right.dtype, np.floating):
        for value in (np.nan, np.inf, -np.inf):
            broken = right.copy()
            broken.reshape(-1)[-1] = value
            write_parts(artifact, document, {**tensors, name: broken})
            with pytest.raises(ArtifactError, match=rf"'{name}' must be finite\. Received: "):
                load_model(artifact)


@settings(several, max_examples=100)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_flipped_bits_are_told_or_change_nothing(artifact: Path, place: float, bit: int) -> None:
    """A bit of padding may be flipped without harm; no other."""
    raw = bytearray(artifact.read_bytes())
    raw[int(place * len(raw))] ^= 1 << bit
    flipped = artifact.with_name("flipped.safetensors")
    flipped.write_bytes(raw)
    try:
        model = load_model(flipped)
    except ArtifactError:
        return
    whole = random_multiscale(shared=False, templates=5)
    for found, expected in zip(arrays_of(model), arrays_of(whole), strict=True):  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("factor", [1.0 + 2.0**-12, 1e6])
def test_factors_that_the_file_would_round_are_not_saved(artifact: Path, factor: float) -> None:
    before = artifact.read_bytes()
    model = random_multiscale()
    base = replace(model.base, factors=model.base.factors * np.float32(factor))
    with pytest.raises(ArtifactError, match=r"factors of the base must be float16 numbers.*Received: "):
        replace(model, base=base).save(artifact)
    assert artifact.read_bytes() == before


def test_inspection_tells_components_of_levels_and_templates(artifact: Path) -> None:
    told = inspect(artifact)
    for expected in (
        *("multiscale, format version 3", "32 x 32", "base at 8 x 8", "details at 16 x 16"),
        *("4, 4, 4 components (first, second, third phase)", "details.32", "12 tensors"),
        "5: the file holds encodings of 5 training photos, which can be made visible",
    ):
        assert expected in told
    machine = json.loads(inspect(artifact, "--json"))
    assert machine == json.loads(json.dumps(describe_artifact(artifact)))
    assert machine["components"] == {
        "mixture": 4,
        **{f"details.{size}.{phase}": 4 for size in (16, 32) for phase in ("first", "second", "third")},
    }
    assert machine["tensors"]["template_components"] == {"shape": [5, 320], "bytes": 1600}


def test_inspection_of_other_files_tells_no_levels(tmp_path: Path) -> None:
    random_multiscale(per_class=1, n_classes=1).save(tmp_path / "none.safetensors")
    assert "encodings" not in inspect(tmp_path / "none.safetensors")
    random_model().save(tmp_path / "pca.safetensors")
    assert "details" not in inspect(tmp_path / "pca.safetensors")
    assert describe_artifact(tmp_path / "pca.safetensors")["components"] == {"mixture": 5}


def inspect(*arguments: object) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["inspect", *map(str, arguments)], catch_exceptions=False
    )
    return result.output
