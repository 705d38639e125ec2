"""What every test shares."""

import os
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

_CACHE = tempfile.TemporaryDirectory(prefix="gmmaug-tests-")
# Nobody's own cache is read or written, by commands that tests start neither.
os.environ["GMMAUG_CACHE"] = _CACHE.name

PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "flowers"


@pytest.fixture(scope="session")
def photos() -> Path:
    """Real photos, a folder per class; tests that ask for them are skipped where they are absent."""
    if not PHOTOS.is_dir():
        pytest.skip("no real photos beside this checkout")
    return PHOTOS
