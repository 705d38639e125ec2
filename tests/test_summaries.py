import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin import fit
from gmmaug_plugin.mixtures import LocalMixture, PCAMixture
from gmmaug_plugin.photos import PhotoSet, SkippedPhoto
from gmmaug_plugin.pool import Pool
from gmmaug_plugin.summaries import as_html, in_words

HOSTILE = "<b>&\n\x1b[2J\udcff" * 9


def class_set(n_classes: int, *shape: int) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """Noise, three images a class; labels and hostile names if there are classes."""
    n = 3 * max(n_classes, 1)
    images = np.random.default_rng(0).integers(0, 256, (n, *shape), np.uint8)
    labels = (np.arange(n) % n_classes).astype(np.int32) if n_classes else None
    return images, labels, tuple(f"{HOSTILE}{number}" for number in range(n_classes))


def test_no_object_fills_a_screen() -> None:
    photos = class_set(1, 32, 32)[0]
    record = fit(photos, n_images=9, model="pca", quiet=True).record
    many, labels, names = class_set(300, 16, 16)
    skipped = (SkippedPhoto("long" * 40, "broken image"),) * 99
    for one in (
        Pool(many, labels, names, record=record),
        PhotoSet(many, labels, names, skipped=skipped, notes=("a sentence " * 40,) * 3),
        *(record, PCAMixture.fit(photos), LocalMixture(photos)),
    ):
        assert len(repr(one)) <= 500
        assert len(repr(one).splitlines()) <= 5
        assert all(line.isprintable() for line in repr(one).splitlines())


def test_classes_are_counted_in_label_order() -> None:
    images, labels = class_set(2, 4, 5, 3)[0], np.array([1, 1, 2, 1, 0, 2], np.int32)

    assert in_words(images, labels, ("z", "a", "tu\nlip"), "photos") == [
        "6 color photos of 4 x 5, 3 classes",
        "  'z' 1, 'a' 3, 'tu\\nlip' 2",
    ]
    assert in_words(images[:, :, :, 0], None, (), "images") == ["6 grayscale images of 4 x 5"]
    assert in_words(*class_set(1000, 2, 2), "images")[1].endswith(" 3, and 992 more")


@pytest.mark.parametrize("shape", [(16, 16), (40, 30), (200, 200, 3)])
@pytest.mark.parametrize("n_classes", [0, 2, 9])
def test_a_notebook_shows_small_images_of_each_class(n_classes: int, shape: tuple[int, ...]) -> None:
    images, labels, names = class_set(n_classes, *shape)
    brightness = 32 * (np.arange(len(images)) % max(n_classes, 1) % 8)
    images = (images // 32 + brightness.reshape(-1, *[1] * len(shape))).astype(np.uint8)

    page = as_html("<b>text", images, labels, names)

    assert page.startswith("<pre>&lt;b&gt;text</pre>")
    assert "<b>" not in page
    assert len(page.encode()) < 100_000
    rows = re.findall(r'src="data:image/jpeg;base64,([^"]*)"', page)
    assert len(rows) == min(max(n_classes, 1), 8)
    for code, row in enumerate(rows):
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(row))))
        assert pixels.shape == (48, 3 * 48, *shape[2:])
        assert abs(pixels.mean() - 32 * code - 3.5) < 3
