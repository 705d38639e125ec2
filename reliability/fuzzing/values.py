"""Values that readers of files trip over."""

import copy
import random
from typing import Any

import numpy as np

NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-38, 1e-30, 1e-12, 1e-7, 127.0, 128.0, 255.0, 256.0, 65504.0]
NUMBERS += [1e9, 2.0**31, 2.0**63, 1e30, 3e38, 1e300, -1e30, float("nan"), float("inf"), -float("inf")]

RAW = [
    "1e999",
    "-1e999",
    "1" * 5000,
    "1" * 4000,
    "NaN",
    "Infinity",
    "1e308",
    "1E-400",
    "-0",
    "01",
    "+1",
    "tru",
]
RAW += ['"\\ud800"', '"\\u0000"', '"\\u001b[31m"', '"\\udcff"', '{"a":1,"a":2}', "[" * 90 + "]" * 90]
RAW += [
    "[" * 101 + "]" * 101,
    "[" * 900 + "]" * 900,
    "[" * 3000 + "]" * 3000,
    '{"a":' * 500 + "1" + "}" * 500,
]
RAW += ["[" * 2000, "{}" * 3, "]", '"', "\\", "/**/1", "1,", '"' + "x" * 20000 + '"']

_JSON: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    3,
    4,
    15,
    16,
    32,
    33,
    64,
    4096,
    4097,
    2**31,
    2**63,
    10**400,
]
_JSON += [
    0.5,
    1.0,
    1.5,
    -0.1,
    1e-300,
    1e-31,
    1e300,
    "",
    "a",
    "b",
    "pca",
    "multiscale",
    "gmmaug",
    "none",
    "flip",
]
_JSON += ["d4", [], {}, [0, 255], ["a", "b"], ["a", "a"], [""], ["a\nb", "\x1b]0;x\x07"], [["a"]], {"a": {}}]
_JSON += [{"synthesis": 2}, {"synthesis": 10**400}, {"variation": None}, {"synthesis": "0.5"}, ["x"] * 3000]

DTYPE_NAMES = [
    "BF16",
    "F8_E4M3",
    "F8_E5M2",
    "I64",
    "U64",
    "I16",
    "BOOL",
    "C64",
    "F64",
    "F32",
    "F16",
    "I32",
    "I8",
]
DTYPE_NAMES += ["U8", "F4", "", "f32", "\ud800", "O", "V8"]

ARRAY_TYPES: list[Any] = [np.int8, np.uint8, np.int32, np.float16, np.float32, np.float64, np.int64, bool]

SIZES = [0, 1, 2, 7, 255, 256, 257, 2**20, 2**31, 2**32, 2**40, 2**62, 2**63, 2**64, 10**30, -1]


def json_value(rng: random.Random) -> Any:
    """A value that JSON has."""
    if rng.random() < 0.2:
        return rng.uniform(-2, 2) * 10.0 ** rng.randint(-20, 20)
    return copy.deepcopy(rng.choice(_JSON))  # what is changed further is of this file alone


def number_for(rng: random.Random, dtype: np.dtype[Any]) -> Any:
    """A number as an array of the dtype has it."""
    if dtype.kind == "f":
        value = rng.choice(NUMBERS) if rng.random() < 0.7 else rng.gauss(0, 1) * 10.0 ** rng.randint(-40, 38)
        return np.float64(value).astype(dtype)
    if dtype.kind == "b":
        return rng.random() < 0.5
    limits = np.iinfo(dtype)
    near = rng.choice([limits.min, limits.max, 0, 1, -1, 2, 3, 4, 5, 251, 252, rng.randint(-300, 300)])
    return min(max(near, limits.min), limits.max)
