"""The report's figures, for machines."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from gmmaug_plugin.evaluation.report.contents import Component, ReportContents

FORMAT_VERSION = 1
_DIGITS = 6


def as_json(contents: ReportContents) -> str:
    """Write everything but the images: ASCII, keys sorted, finite numbers only (others are null)."""
    document = {
        "format": "gmmaug-report",
        "format_version": FORMAT_VERSION,
        "model": {
            "name": contents.model_name,
            "kind": contents.kind,
            "image_size": contents.image_size,
            "class_names": contents.class_names,
        },
        "seed": contents.seed,
        "verdict": asdict(contents.verdict),
        "summary": contents.summary,
        "measures": [measure.as_json() for measure in contents.measures],
        "nearest": [asdict(nearness) for nearness in contents.nearness],
        "pairs": [
            {
                "space": pair.space,
                "sample": pair.sample_index,
                "photo": pair.photo_index,
                "ratio": pair.ratio,
                "closeness": pair.closeness,
            }
            for pair in contents.pairs
        ],
        "strengths": {"shown": contents.strengths, "default": contents.default_strength},
        "explained_variance_ratio": contents.explained_variance_ratio,
        "criterion_curves": [asdict(curve) for curve in contents.criterion_curves],
        "refused_candidates": [asdict(refusal) for refusal in contents.refusals],
        "components": [_component(component) for component in contents.components],
        "notes": contents.notes,
        "calibration": {
            "tables": [asdict(table) for table in contents.calibration],
            "test": contents.calibration_test and contents.calibration_test.as_json(),
        },
        "skipped": contents.skipped,
        "options": contents.options,
        "versions": contents.versions,
        "info": contents.info,
    }
    return json.dumps(_plain(document), indent=2, sort_keys=True, allow_nan=False) + "\n"


def _component(component: Component) -> dict[str, Any]:
    return {
        "class_name": component.class_name,
        "share": component.share,
        "n_photos": component.n_photos,
        "held_back_share": component.held_back_share,
    }


def _plain(value: Any) -> Any:
    """Anything as plain JSON values, floats to six digits."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)
