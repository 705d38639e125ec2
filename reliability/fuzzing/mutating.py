"""Changes to a file that know what it is made of: most get the digest that belongs to them, some do not."""

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from reliability.fuzzing.parts import Parts, take_apart
from reliability.fuzzing.values import (
    ARRAY_TYPES,
    DTYPE_NAMES,
    RAW,
    SIZES,
    json_value,
    number_for,
)

Change = Callable[[Parts, random.Random], None]

SIGNED = 0.8
"""Share of files that get the digest of what they hold."""

OTHER_FORMATS = [
    b"",
    b"PK\x03\x04" + bytes(26),
    b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    b"\x89HDF\r\n\x1a\n",
    b"\x1f\x8b\x08\x00",
]


def mutate(contents: bytes, rng: random.Random) -> bytes:
    """Change a file: its parts, or if it has none, its bytes."""
    parts = take_apart(contents) if rng.random() < 0.9 else None
    return flip_bytes(contents, rng) if parts is None else change_parts(parts, rng)


def change_parts(parts: Parts, rng: random.Random) -> bytes:
    """Make another file of parts, which are written over.

    Args:
        parts: The parts of a file.
        rng: What decides.

    Returns:
        A file of which one to three things are changed, and sometimes bytes, too.
    """
    parts.signed = rng.random() < SIGNED
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
        (change,) = rng.choices(CHANGES, WEIGHTS)
        # What an earlier change broke may leave nothing for this one to change.
        with np.errstate(all="ignore"), suppress(LookupError, ValueError, TypeError, OverflowError):
            change(parts, rng)
    changed = parts.to_bytes()
    return flip_bytes(changed, rng) if rng.random() < 0.05 else changed


def flip_bytes(contents: bytes, rng: random.Random) -> bytes:
    """Flip bits, cut, insert, repeat: what needs no knowledge of the format."""
    raw = bytearray(contents)
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(len(raw) + 1)
        # Half of all places are near the header's beginning, where more is decided.
        place = place % 200 if rng.random() < 0.3 else place
        kind = rng.randrange(6)
        if kind <= 1 and place < len(raw):
            raw[place] ^= 1 << rng.randrange(8)
        elif kind == 2 and place < len(raw):
            raw[place] = rng.randrange(256)
        elif kind == 3:
            del raw[place:]
        elif kind == 4:
            raw[place:place] = rng.randbytes(rng.choice([1, 8, 64]))
        else:
            del raw[place : place + rng.choice([1, 4, 8, 100])]
    return rng.choice(OTHER_FORMATS) + bytes(raw[:50]) if rng.random() < 0.01 else bytes(raw)


def _name(parts: Parts, rng: random.Random) -> str:
    return rng.choice(sorted(parts.tensors)) if parts.tensors else "none"


def set_elements(parts: Parts, rng: random.Random) -> None:
    """A few numbers of a tensor, or all."""
    array = parts.tensors.get(_name(parts, rng))
    if array is None or not array.size:
        return
    flat = array.reshape(-1)
    if rng.random() < 0.2:
        flat[:] = number_for(rng, array.dtype)
    for _ in range(rng.choice([1, 1, 3])):
        flat[rng.randrange(flat.size)] = number_for(rng, array.dtype)


def scale(parts: Parts, rng: random.Random) -> None:
    """All numbers of a tensor times one."""
    array = parts.tensors.get(_name(parts, rng))
    if array is not None and array.dtype.kind == "f":
        array *= np.float64(rng.choice([-1, 0, 1e-6, 1e6, 10.0 ** rng.randint(-40, 40)])).astype(array.dtype)


def reweigh(parts: Parts, rng: random.Random) -> None:
    """Weights that sum to one, or nearly, with zeros and tiny ones among them."""
    names = [name for name in parts.tensors if name.endswith("weights") and parts.tensors[name].size]
    if not names:
        return
    array = parts.tensors[rng.choice(names)]
    fresh = np.array([rng.choice([0.0, 1e-320, 1e-300, 1e-9, rng.random()]) for _ in range(array.size)])
    fresh[rng.randrange(array.size)] += 1e-6
    parts.tensors[rng.choice(names)] = fresh / fresh.sum() * rng.choice([1.0, 1.0, 1 + 1e-7, 1.01])


def swap(parts: Parts, rng: random.Random) -> None:
    """Two tensors under each other's name."""
    one, other = _name(parts, rng), _name(parts, rng)
    if parts.tensors:
        parts.tensors[one], parts.tensors[other] = parts.tensors[other], parts.tensors[one]


def reorder(parts: Parts, rng: random.Random) -> None:
    """Rows of a tensor in another order, repeated, or made alike."""
    name = _name(parts, rng)
    array = parts.tensors.get(name)
    if array is not None and array.ndim and len(array):
        rows = [rng.randrange(len(array)) for _ in range(len(array))]
        parts.tensors[name] = array[rows] if rng.random() < 0.6 else np.ascontiguousarray(array[::-1])


def reshape(parts: Parts, rng: random.Random) -> None:
    """More or fewer rows or columns, another number of dimensions, nothing at all."""
    name = _name(parts, rng)
    array = parts.tensors.get(name)
    if array is None or not array.ndim:
        return
    kind = rng.randrange(6)
    if kind == 0:
        parts.tensors[name] = array[:-1].copy()
    elif kind == 1:
        parts.tensors[name] = np.concatenate([array, array[:1]])
    elif kind == 2:
        parts.tensors[name] = array.reshape(-1)
    elif kind == 3:
        parts.tensors[name] = array[..., None]
    elif kind == 4:
        parts.tensors[name] = array[:0].copy()
    else:
        parts.tensors[name] = array[..., :-1].copy()


def grow_mixture(parts: Parts, rng: random.Random) -> None:
    """A component, or rows of factors, more or fewer, in all tensors that must agree."""
    tensors = parts.tensors
    if not {"weights", "means", "groups", "classes", "factors", "factor_offsets"} <= set(tensors):
        return
    k = len(tensors["weights"])
    if rng.random() < 0.5 and k:
        kept = [rng.randrange(k) for _ in range(rng.choice([1, k, k + 1]))]
        for name in ("weights", "means", "groups", "classes"):
            tensors[name] = tensors[name][kept]
        tensors["weights"] = tensors["weights"] / max(tensors["weights"].sum(), 1e-300)
    elif tensors["factors"].ndim == 2 and tensors["factor_offsets"].size:
        rows, g = rng.choice([1, 2, 6, 40]), rng.randrange(tensors["factor_offsets"].size)
        more = np.full((rows, tensors["factors"].shape[1]), number_for(rng, tensors["factors"].dtype))
        tensors["factors"] = np.concatenate([tensors["factors"], more.astype(tensors["factors"].dtype)])
        tensors["factor_offsets"][g:] += rows


def retype(parts: Parts, rng: random.Random) -> None:
    """The same numbers in another type."""
    name = _name(parts, rng)
    if name in parts.tensors:
        parts.tensors[name] = parts.tensors[name].astype(rng.choice(ARRAY_TYPES))


def rename(parts: Parts, rng: random.Random) -> None:
    """A tensor fewer, more, or under another name."""
    name = _name(parts, rng)
    array = parts.tensors.pop(name, np.zeros(1))
    if rng.random() < 0.6:
        parts.tensors[rng.choice(["extra", name + "x", "", "template_codes", "x" * 3000, "\n\x1b[0m"])] = (
            array
        )
    if rng.random() < 0.3:
        parts.tensors[name] = array


def set_value(parts: Parts, rng: random.Random) -> None:
    """A value of the document."""
    names = [*parts.document, "strengths", "info", "noise_variance", "symmetry", "extra"]
    name = rng.choice(names)
    inner = parts.document.get(name)
    if isinstance(inner, dict) and rng.random() < 0.6:
        inner[rng.choice([*inner, "extra"])] = json_value(rng)
    elif isinstance(inner, float) and rng.random() < 0.5:
        parts.document[name] = abs(rng.gauss(0, 1)) * 10.0 ** rng.randint(-40, 40)
    else:
        parts.document[name] = json_value(rng)


def set_raw(parts: Parts, rng: random.Random) -> None:
    """A value of the document that ``json`` would not write."""
    placeholder = f"RAW{len(parts.raw)}"
    parts.raw[placeholder] = rng.choice(RAW)
    name = rng.choice([*parts.document, "extra"])
    inner = parts.document.get(name)
    if isinstance(inner, dict):
        inner[rng.choice([*inner, "extra"])] = placeholder
    elif isinstance(inner, list) and inner:
        inner[rng.randrange(len(inner))] = placeholder
    else:
        parts.document[name] = placeholder


def drop_value(parts: Parts, rng: random.Random) -> None:
    """A key of the document fewer."""
    if parts.document:
        del parts.document[rng.choice([*parts.document])]


def set_geometry(parts: Parts, rng: random.Random) -> None:
    """Another size, symmetry, kind or version, names of other classes."""
    choices: dict[str, list[Any]] = {
        "image_size": [1, 2, 3, 4, 5, 6, 8, 16, 32, 64, 4096, 4097, 10**9, 4.0, True],
        "symmetry": ["none", "flip", "d4", ["d4"], None],
        "kind": ["pca", "multiscale", "gan", ["pca"]],
        "format_version": [0, 1, 2, 3, 4, 99, 2.0, True, 10**50],
        "class_names": [[], ["a"], ["b", "a"], ["a", "b", "c"], ["", "\n"], ["x" * 10**5], ["\ud800", "a"]],
    }
    name = rng.choice(sorted(choices))
    parts.document[name] = rng.choice(choices[name])


def lie_in_header(parts: Parts, rng: random.Random) -> None:
    """Shapes, types, places or metadata of the header that are not so."""
    name, seed = _name(parts, rng), rng.random()

    def change(header: dict[str, Any]) -> None:
        _lie(header, name, random.Random(seed))

    parts.change_header.append(change)


def _lie(header: dict[str, Any], name: str, rng: random.Random) -> None:
    told = header.get(name, {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]})
    kind = rng.randrange(7)
    if kind == 0 and told["shape"]:
        told["shape"][rng.randrange(len(told["shape"]))] = rng.choice(SIZES)
    elif kind == 1:
        told["shape"] = rng.choice(
            [[], [0], [2**62, 0], [0, 2**63], [1] * 70, [2**40] * 5000, None, "3", [1.0], [True]]
        )
    elif kind == 2:
        told["dtype"] = rng.choice([*DTYPE_NAMES, None, 3])
    elif kind == 3:
        told["data_offsets"][rng.randrange(2)] = rng.choice(SIZES)
    elif kind == 4:
        told["data_offsets"] = rng.choice([[], [0], [0, 0, 0], [8, 0], None, [0.0, 4.0], [0, 2**64]])
    elif kind == 5:
        header["__metadata__"] = rng.choice(
            [None, {}, {"gmmaug": 3}, {"other": "x"}, [], "gmmaug", {"gmmaug": ""}]
        )
    else:
        header[rng.choice(["extra", name])] = dict(told, more=1) if rng.random() < 0.5 else json_value(rng)
    if isinstance(header.get(name), dict):
        header[name] = told


def lie_about_length(parts: Parts, rng: random.Random) -> None:
    """A header of another length than it has, bytes that nothing tells of, or fewer."""
    kind, value = rng.randrange(3), rng.choice([*SIZES, 2**64 - 1])

    def change(contents: bytes) -> bytes:
        if kind == 0:
            return (value % 2**64).to_bytes(8, "little") + contents[8:]
        return contents + bytes(8) if kind == 1 else contents[: -min(8, len(contents))]

    parts.change_bytes.append(change)


CHANGES: list[Change] = [set_elements, scale, reweigh, swap, reorder, reshape, grow_mixture, retype, rename]
CHANGES += [set_value, set_raw, drop_value, set_geometry, lie_in_header, lie_about_length]
WEIGHTS = [30, 12, 8, 4, 8, 5, 8, 3, 3, 10, 6, 2, 5, 8, 2]
