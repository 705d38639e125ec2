"""Environment, fixtures and markers of all tests."""

import os
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

_CACHE = tempfile.TemporaryDirectory(prefix="gmmaug-tests-")
# Commands that tests start inherit it, and leave the user's cache alone.
os.environ["GMMAUG_CACHE"] = _CACHE.name

SLOWEST = ("tests/test_readme.py", "tests/reliability/", "tests/benchmarks/", "tests/scale/")
"""These start first, so that parallel runs do not end with one of them."""

PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "flowers"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the slowest files first; skip tests marked slow unless GMMAUG_ALL_TESTS is 1."""
    items.sort(key=lambda item: not item.nodeid.startswith(SLOWEST))
    if os.environ.get("GMMAUG_ALL_TESTS") != "1":
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: make test-all runs it"))


@pytest.fixture(scope="session")
def photos() -> Path:
    """Real photos, a folder per class; tests that need them are skipped where they are absent."""
    if not PHOTOS.is_dir():
        pytest.skip("no real photos beside this checkout")
    return PHOTOS
