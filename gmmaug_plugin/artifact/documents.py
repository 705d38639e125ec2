"""JSON of files that nobody vouches for: strict and not too deep, so what is read can be written again."""

import json
import math
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

MAX_DEPTH = 100
"""Lists and objects within one another: deeper ones would exhaust the stack of whoever walks through them."""


def parse(text: str) -> Any:
    """Read JSON.

    Args:
        text: The document.

    Returns:
        Plain values; every float is finite, no object names a key twice, and nothing is nested deeper than
        ``MAX_DEPTH``.

    Raises:
        ValueError: The text is not that.
    """
    try:
        document = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_duplicates
        )
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH}") from None
    _check_depth(document)
    return document


def canonical(document: Mapping[str, Any]) -> str:
    """The one text of a document: sorted keys, no blanks, ASCII.

    Raises:
        ValueError: A value is none that JSON has.
    """
    try:
        return json.dumps(document, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def shown(value: object) -> str:
    """A value for a message, cut where it is long or deep."""
    return _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 120
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxdict = 8


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:40]} is too great a number")
    return number


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object names a key twice")
    return found


def _check_depth(document: Any) -> None:
    """Level by level, without recursion."""
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH + 1):
        level = [part for one in level for part in _parts(one)]
        if not level:
            return
    raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
