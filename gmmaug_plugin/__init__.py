"""Training images out of Gaussian mixtures.

``fit`` draws a pool of new images from photos, offline; ``load_model`` reads a pool from its file; the
adapters ``gmmaug_plugin.tensorflow``, ``gmmaug_plugin.keras`` and ``gmmaug_plugin.albumentations`` mix a pool
into training batches. Importing this package loads neither a framework nor scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gmmaug_plugin.fitting import fit
    from gmmaug_plugin.pool import load_model

__all__ = ["__version__", "fit", "load_model"]

_HOMES = {"fit": "gmmaug_plugin.fitting", "load_model": "gmmaug_plugin.pool"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("gmmaug-plugin")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
