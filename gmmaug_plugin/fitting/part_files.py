"""One finished part of a fit in a file: arrays in dataclasses, tuples and dicts, without pickles."""

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.artifact.container import open_container, write_container
from gmmaug_plugin.artifact.errors import ArtifactError

FORMAT = "gmmaug-part"


def write_part(path: Path, value: Any) -> int:
    """Write a value, all or nothing; return the size of its file in bytes.

    Args:
        path: The target.
        value: Numbers, texts, None, arrays, and tuples, lists, dicts and dataclasses of such.

    Raises:
        OSError: The file cannot be written.
        TypeError: There is something else in the value.
    """
    arrays: dict[str, NDArray[Any]] = {}
    document = {"format": FORMAT, "value": _to_json(value, arrays)}
    if not arrays:
        arrays["nothing"] = np.zeros(1, np.uint8)  # without any, safetensors 0.4.3 writes no sound file
    return write_container(path, document, arrays, check=lambda _: None)


def read_part(path: Path, kinds: Sequence[type]) -> Any:
    """Read a value that :func:`write_part` wrote.

    Args:
        path: The file.
        kinds: The dataclasses that may be in it.

    Raises:
        ArtifactError: The file is damaged, or another.
        OSError: It cannot be read.
    """
    known = {kind.__name__: kind for kind in kinds}
    with open_container(path) as reader:
        reader.check_digest()
        if reader.document.get("format") != FORMAT:
            raise ArtifactError(f"The file must be a part of a fit. Received: {path}")

        def array(told: dict[str, Any]) -> NDArray[Any]:
            shape = tuple(told["shape"])
            flat = reader.tensor(told["array"], np.dtype(told["dtype"]).type, (math.prod(shape),))
            return flat.reshape(shape)

        try:
            return _from_json(reader.document["value"], known, array)
        except (KeyError, TypeError, IndexError) as error:
            raise ArtifactError(
                f"The part must be made of {sorted(known)}. Received: {error!r} in {path}"
            ) from error


def _to_json(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    told: Any
    if isinstance(value, np.ndarray):
        name = f"{len(arrays):06d}"
        arrays[name] = value.reshape(-1)  # a scalar array would become one of length 1
        told = {"array": name, "dtype": value.dtype.str, "shape": list(value.shape)}
    elif isinstance(value, np.generic):
        told = value.item()
    elif value is None or isinstance(value, bool | int | float | str):
        told = value
    elif isinstance(value, tuple):
        told = {"tuple": [_to_json(one, arrays) for one in value]}
    elif isinstance(value, list):
        told = [_to_json(one, arrays) for one in value]
    elif isinstance(value, dict):
        told = {"dict": [[_to_json(key, arrays), _to_json(one, arrays)] for key, one in value.items()]}
    elif is_dataclass(value) and not isinstance(value, type):
        inside = {one.name: _to_json(getattr(value, one.name), arrays) for one in fields(value) if one.init}
        told = {"kind": type(value).__name__, "fields": inside}
    else:
        raise TypeError(f"Parts are made of numbers, texts, arrays, dataclasses. Received: {type(value)}")
    return told


def _from_json(told: Any, known: dict[str, type], array: Any) -> Any:
    if isinstance(told, list):
        return [_from_json(one, known, array) for one in told]
    if not isinstance(told, dict):
        return told
    if "array" in told:
        return array(told)
    if "tuple" in told:
        return tuple(_from_json(one, known, array) for one in told["tuple"])
    if "dict" in told:
        return {_from_json(key, known, array): _from_json(one, known, array) for key, one in told["dict"]}
    inside = {name: _from_json(one, known, array) for name, one in told["fields"].items()}
    return known[told["kind"]](**inside)
