"""The record of a fit: written by ``fit``, kept in the file, read by the report and the commands."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class FitRecord:
    """The record of a fit, as plain JSON values.

    Attributes:
        model: The kind of mixture, "local" or "pca"; empty for a pool that was not fitted.
        options: The options of the fit and of its mixture.
        seed: Seed of all drawing.
        photos_per_class: Number of photos by class name; the name is "" without classes.
        n_skipped: Files that could not be used.
        photos: SHA-256 of the photos drawn from, independent of their order.
        held_back: SHA-256 of the photos held back while options were chosen; empty without any.
        n_held_back: Their number.
        choices: How options were chosen: "local", the candidates with their figures and the chosen one;
            "pca", the criterion curve and the choice of each class.
        redrawn: By class name, how many draws were refused as copies and drawn again.
        measures: Measures of the pool beside the same measures of photos; empty if not measured.
        notes: Plain sentences on what was not done or measured, and why.
        versions: Versions of gmmaug-plugin and the libraries that drew.
    """

    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    photos_per_class: Mapping[str, int] = field(default_factory=dict)
    n_skipped: int = 0
    photos: str = ""
    held_back: str = ""
    n_held_back: int = 0
    choices: Mapping[str, Any] = field(default_factory=dict)
    redrawn: Mapping[str, int] = field(default_factory=dict)
    measures: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The record as a JSON object."""
        found = asdict(self)
        return {**found, "measures": list(found["measures"]), "notes": list(found["notes"])}

    @classmethod
    def from_json(cls, document: object) -> "FitRecord":
        """Read a record.

        Raises:
            ValueError: It is no JSON object of the record's fields and types.
        """
        if not isinstance(document, dict):
            raise ValueError(f"The record must be an object. Received: {type(document).__name__}")
        unknown = sorted(document.keys() - {one.name for one in fields(cls)})
        if unknown:
            raise ValueError(f"The record has unknown fields. Received: {unknown[:8]}")
        values: dict[str, Any] = {}
        for one in fields(cls):
            if one.name not in document:
                continue
            value, example = document[one.name], getattr(cls(), one.name)
            wanted = list if isinstance(example, tuple) else type(example)
            if not isinstance(value, wanted) or isinstance(value, bool):
                raise ValueError(
                    f"The record's {one.name} must be {wanted.__name__}. Received: {type(value).__name__}"
                )
            values[one.name] = tuple(value) if isinstance(value, list) else value
        counts = (*values.get("photos_per_class", {}).values(), *values.get("redrawn", {}).values())
        if not all(type(count) is int for count in counts):
            raise ValueError(f"The record's counts must be whole numbers. Received: {counts[:8]}")
        for name, kind in (("measures", dict), ("notes", str)):
            if not all(isinstance(part, kind) for part in values.get(name, ())):
                raise ValueError(f"The record's {name} must each be {kind.__name__}. Received: others")
        return cls(**values)
