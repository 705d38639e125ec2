"""A study's figures in a file, written after every training, from which a stopped study goes on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.usefulness.arms import Arm
from gmmaug_plugin.evaluation.usefulness.curves import Run
from gmmaug_plugin.evaluation.usefulness.result import Usefulness
from gmmaug_plugin.files import write_whole


class StudyFile:
    """A JSON file of finished trainings.

    Args:
        path: The file; it need not be there yet.
        images: The photos of the study, uint8 (n, h, w).
        labels: Their classes, int32 (n,).
        depends_on: What else a training depends on, as plain JSON values: photos per class, steps, seed,
            options of the fit. Seeds and arms may be added to a study that has begun.
        remarks: What else to write down.

    Example:
        >>> file = StudyFile(Path("study.json"), photos, labels, depends_on={})  # doctest: +SKIP
        >>> study_usefulness(..., finished=file.finished(), on_run=file.write)  # doctest: +SKIP
    """

    def __init__(
        self,
        path: Path,
        images: NDArray[np.uint8],
        labels: NDArray[np.int32],
        *,
        depends_on: Mapping[str, Any],
        remarks: Mapping[str, Any] | None = None,
    ) -> None:
        digest = hashlib.sha256(np.ascontiguousarray(images).data)
        digest.update(labels.astype(np.int32).tobytes())
        # By way of JSON, so that tuples equal the lists that come back.
        self._key = json.loads(json.dumps({**depends_on, "photos": digest.hexdigest()}))
        self._path, self._remarks = path, dict(remarks or {})
        self._before: tuple[Run, ...] = ()
        self._arms_before: tuple[Arm, ...] = ()

    def finished(self) -> tuple[Run, ...]:
        """Trainings that the file holds already.

        Raises:
            ValueError: The file is of another study, or of something else.
        """
        if not self._path.exists():
            return ()
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
            key, known = values["key"], Usefulness.from_json(values)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"The file must hold a study, or not be there. Received: {self._path}, which holds none"
            ) from error
        if key != self._key:
            raise ValueError(
                "A study goes on with the photos and options that it began with: name another file for "
                f"other ones. Received: {self._path}"
            )
        self._before, self._arms_before = known.runs, known.arms
        return known.runs

    def write(self, found: Usefulness) -> None:
        """Write all that has been found so far, all or nothing.

        Trainings that the file held and ``found`` has not, or not yet, stay in it.
        """
        made = {(run.arm, run.seed) for run in found.runs}
        kept = tuple(run for run in self._before if (run.arm, run.seed) not in made)
        arms = {arm.name: arm for arm in (*found.arms, *self._arms_before)}
        everything = replace(found, arms=tuple(arms.values()), runs=(*found.runs, *kept))
        values = {"key": self._key, **self._remarks, **everything.as_json()}
        write_whole(self._path, json.dumps(values, indent=1, allow_nan=False).encode())
