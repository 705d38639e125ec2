"""Images of a pool for ``tf.data``, read by native operations only: :func:`gmm_dataset` and :func:`mix`."""

from gmmaug_plugin.extras import require

require("tensorflow", extra="tensorflow")

# After the check, so that the error of a missing TensorFlow names the extra that installs it.
from gmmaug_plugin.tensorflow.datasets import gmm_dataset  # noqa: E402
from gmmaug_plugin.tensorflow.mixing import mix  # noqa: E402

__all__ = ["gmm_dataset", "mix"]
