"""Sound files of every kind and version of model, small, for a fuzzer to start from."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from gmmaug_plugin.artifact import save_model
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.strengths import Strengths
from tests.factories import random_model
from tests.multiscale_models import random_multiscale

OLD_FILES = Path(__file__).resolve().parents[2] / "tests" / "artifact" / "formats"


def seed_files() -> list[bytes]:
    """Files of small models, and of every older format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.safetensors"
        contents = []
        for model in _models():
            save_model(model, path)
            contents.append(path.read_bytes())
    return contents + [old.read_bytes() for old in sorted(OLD_FILES.rglob("*.safetensors"))]


def _models() -> Iterator[ImageModel]:
    measured = Strengths(0.75, 0.25)
    yield random_model("none", image_size=4, components=(2,))
    yield random_model("none", image_size=4, components=(1, 2), templates=3, strengths=measured)
    yield random_model("flip", image_size=4, components=(2, 1))
    yield random_model("flip", image_size=6, components=(1, 1, 1), templates=4, strengths=measured)
    yield random_model("d4", image_size=4, components=(3,), ranks=False)
    yield random_model("d4", image_size=6, components=(2, 2), templates=5)
    yield random_multiscale(n_classes=1, per_class=1)
    yield random_multiscale(n_classes=2, per_class=1, shared=False, templates=2, strengths=measured)
    yield random_multiscale(n_classes=2, per_class=2, templates=4)
