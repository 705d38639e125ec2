"""Frameworks that only some users need."""

import importlib
from types import ModuleType


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional module.

    Raises:
        ImportError: It is not installed; says which extra brings it.

    Example:
        >>> require("json", extra="all").__name__
        'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise ImportError(
            f'{module} is not installed. Install it with: pip install "gmmaug-plugin[{extra}]"', name=module
        ) from error
