"""The record of a fit: written by ``fit``, stored in the file, read by the report and the commands."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class FitRecord:
    """The record of a fit, made of JSON values.

    Attributes:
        model: The mixture, "local" or "pca"; empty for a pool that was not fitted.
        options: Options of the fit and of its mixture.
        seed: Seed of all drawing.
        photos_per_class: Number of photos by class name; the name is "" without classes.
        n_skipped: Number of files that could not be used.
        photos: SHA-256 of the photos, independent of their order.
        choices: How options were chosen. Under "local": the candidates, the chosen one, and the photos held
            back. Under "pca": the criterion curve and the choice of each class.
        redrawn: Number of draws that were refused as copies, by class name.
        measures: Measures of the pool beside the same measures of photos; empty if not measured.
        notes: Sentences on limits of this fit, and what was not done.
        versions: Versions of gmmaug-plugin and the libraries that drew.
    """

    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    seed: int = 0
    photos_per_class: Mapping[str, int] = field(default_factory=dict, repr=False)
    n_skipped: int = 0
    photos: str = field(default="", repr=False)
    choices: Mapping[str, Any] = field(default_factory=dict, repr=False)
    redrawn: Mapping[str, int] = field(default_factory=dict, repr=False)
    measures: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)
    versions: Mapping[str, str] = field(default_factory=dict, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The record as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: object) -> "FitRecord":
        """Read a record; missing fields take their defaults, and unknown ones are ignored.

        Raises:
            ValueError: It is not a JSON object, or a field has another type.
        """
        if not isinstance(document, dict):
            raise ValueError(f"The record must be an object. Received: {type(document).__name__}")
        defaults = vars(cls())
        values: dict[str, Any] = {}
        for name in defaults.keys() & document.keys():
            default, value = defaults[name], document[name]
            kind = list if isinstance(default, tuple) else type(default)
            if type(value) is not kind:
                raise ValueError(f"The record's {name} must be {kind.__name__}. Received: {value!r:.80}")
            part = _PARTS.get(name)
            parts = value.values() if isinstance(value, dict) else value
            if part and not all(type(one) is part for one in parts):
                raise ValueError(f"The record's {name} must hold {part.__name__}. Received: {value!r:.80}")
            values[name] = tuple(value) if isinstance(value, list) else value
        return cls(**values)


_PARTS: dict[str, type] = {"photos_per_class": int, "redrawn": int, "measures": dict, "notes": str}
"""Type of the elements of fields that hold several values."""
