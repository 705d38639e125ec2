"""Gaussian-mixture images in the batches that Keras trains on.

:class:`GMMSequence` goes where arrays or another ``keras.utils.PyDataset`` went before:

    >>> from gmmaug_plugin.keras import GMMSequence
    >>> batches = GMMSequence(x, y, model="flowers.safetensors", ratio=0.25)  # doctest: +SKIP
    >>> network.fit(batches, epochs=20)  # doctest: +SKIP
"""

from gmmaug_plugin.extras import require

try:
    require("keras.utils", extra="tensorflow")
except ModuleNotFoundError as error:
    # Keras itself may be there, and its TensorFlow not.
    require((error.name or "keras").partition(".")[0], extra="tensorflow")
    raise

# Below the check, so that a missing module is reported together with the extra that brings it.
from gmmaug_plugin.keras.sequence import GMMSequence

__all__ = ["GMMSequence"]
