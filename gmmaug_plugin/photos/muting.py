"""Pillow's warnings and log, kept off while photos are read."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

_lock = Lock()
_readers = 0
_filters: Any = None
_handler = logging.NullHandler()  # without a handler, Python prints what is logged


@contextmanager
def muted_pillow() -> Iterator[None]:
    """Keep warnings that Pillow itself raises (large pictures, damaged EXIF) and its log off.

    Python's warning filters belong to the process, so worker threads must not each swap them: the first
    reader adds one filter, for Pillow's modules only, and the last one restores the filters.

    Example:
        >>> with muted_pillow():
        ...     pass
    """
    global _readers, _filters  # noqa: PLW0603 - as the filters, they belong to the process
    with _lock:
        _readers += 1
        if _readers == 1:
            _filters = warnings.catch_warnings()
            _filters.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
            logging.getLogger("PIL").addHandler(_handler)
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if _readers == 0:
                _filters.__exit__(None, None, None)
                logging.getLogger("PIL").removeHandler(_handler)
