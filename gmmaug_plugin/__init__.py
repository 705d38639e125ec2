"""Training images out of Gaussian mixtures.

Fit a mixture model on photos offline, write it to one compact file, and mix synthesised images into
training batches with ``gmmaug_plugin.tensorflow``, ``gmmaug_plugin.keras`` or
``gmmaug_plugin.albumentations``. No framework is imported from here.
"""

from importlib.metadata import version

from gmmaug_plugin.artifact import load_model
from gmmaug_plugin.fitting import fit

__all__ = ["__version__", "fit", "load_model"]
__version__ = version("gmmaug-plugin")
