"""One execution: a file is loaded, and a model that comes of it is used."""

import re
import time
import traceback
import warnings
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

from gmmaug_plugin.artifact import ArtifactError, load_model, save_model
from gmmaug_plugin.models.image_model import ImageModel
from reliability.fuzzing.guard import Guard, TooLong

USED = 24
"""One in so many models is used and saved again: that takes ten times as long as loading it."""

_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|\(.*\)|\[.*\]|-?\d[\d.e+-]*")


class Trials:
    """Loads files one after another, and counts what comes of them.

    Args:
        folder: Where files may be written, in memory if that can be.

    Attributes:
        outcomes: How often each came.
        failures: What must not be, by where it happened: a line for each such place.
        slowest: The most processor time that one load took, seconds.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "scratch.safetensors"
        self._again = folder / "again.safetensors"
        self._guard = Guard(self._path)
        self.outcomes: Counter[str] = Counter()
        self.failures: dict[str, str] = {}
        self.slowest = 0.0

    def warm_up(self, files: list[bytes]) -> None:
        """Load and use sound files, so that nothing is imported later; then be strict.

        Raises:
            ArtifactError: One is not sound.
        """
        for contents in files:
            self._path.write_bytes(contents)
            use(load_model(self._path), self._again)
        self._guard.limit_memory()
        warnings.simplefilter("error")

    def run(self, contents: bytes) -> str:
        """Load a file.

        Returns:
            The outcome; it begins with ``FAILED`` if it must not be.
        """
        self._path.write_bytes(contents)
        begin = time.process_time()
        try:
            outcome = self._load(contents)
        except TooLong:
            outcome = "FAILED: took too long"
        except Exception as error:
            outcome = f"FAILED: {type(error).__name__} {_place_of(error)}"
            self.failures.setdefault(outcome, f"{outcome}: {error!s:.200}")
        self.slowest = max(self.slowest, time.process_time() - begin)
        if outcome.startswith("FAILED"):
            self.failures.setdefault(outcome, outcome)
        self.outcomes[outcome] += 1
        return outcome

    def _load(self, contents: bytes) -> str:
        model, message = None, ""
        try:
            with self._guard.watch():
                model = load_model(self._path)
        except ArtifactError as error:
            message = str(error)
        if self._guard.broken:
            return f"FAILED: {self._guard.broken[0]}"
        if model is None:
            return f"refused: {_kind_of(message)}"
        if zlib.crc32(contents) % USED:
            return "a valid model"
        use(model, self._again)
        return "a valid model, used and saved again"


def use(model: ImageModel, path: Path) -> None:
    """Draw, weigh, vary and save, and check what comes of it.

    Raises:
        AssertionError: Something is not finite or not of its shape, or the saved model is another.
    """
    size = model.image_size
    images, labels = model.sample(8, seed=0)
    assert (images.shape, images.dtype) == ((8, size, size), np.uint8)
    assert labels is None or set(labels.tolist()) <= set(range(model.n_classes))
    assert np.isfinite(model.score_samples(images)).all()
    assert model.vary(images, seed=0).shape == images.shape
    for label in range(len(model.class_names)):
        model.sample(1, label=label, seed=1)
        model.vary(images[:1].astype(np.float32) / 255, label=label, strength=1.0, seed=1)
    save_model(model, path)
    again = load_model(path)
    assert (again.class_names, again.info, again.strengths) == (
        model.class_names,
        model.info,
        model.strengths,
    )
    assert (again.sample(8, seed=0)[0] == images).all()


def _kind_of(message: str) -> str:
    """What is wrong, without names and numbers."""
    text = message.rsplit(" Received:", 1)[0]
    return " ".join(_VARIABLE.sub("…", text).split())[:90]


def _place_of(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"at {Path(last.filename).name}:{last.lineno} {last.name}"
