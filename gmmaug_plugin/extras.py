"""Imports of optional packages."""

import importlib
from types import ModuleType


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional module.

    Raises:
        ImportError: The module, or one that it imports, is not installed; the message names the extra that
            installs it.

    Example:
        >>> require("json", extra="all").__name__
        'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        raise ImportError(
            f'{missing} is not installed. Install it with: pip install "gmmaug-plugin[{extra}]"', name=missing
        ) from error
