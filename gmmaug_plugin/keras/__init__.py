"""Gaussian-mixture images in the batches that Keras trains on.

:class:`GMMSequence` replaces arrays or another ``keras.utils.PyDataset`` in ``fit``:

    >>> from gmmaug_plugin.keras import GMMSequence
    >>> batches = GMMSequence(x, y, model="flowers.safetensors", ratio=0.25)  # doctest: +SKIP
    >>> network.fit(batches, epochs=20)  # doctest: +SKIP
"""

from gmmaug_plugin.extras import require

require("keras.utils", extra="tensorflow")

# After the check, so that the error of a missing module names the extra that installs it.
from gmmaug_plugin.keras.sequence import GMMSequence  # noqa: E402

__all__ = ["GMMSequence"]
