"""Images of a pool in the batches that Keras trains on: :class:`GMMSequence`."""

from gmmaug_plugin.extras import require

require("keras.utils", extra="tensorflow")

# After the check, so that the error of a missing module names the extra that installs it.
from gmmaug_plugin.keras.sequence import GMMSequence  # noqa: E402

__all__ = ["GMMSequence"]
