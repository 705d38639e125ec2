"""Synthesised images for ``tf.data``, made by native operations only.

>>> made = gmm_dataset("flowers.safetensors", 500, like=train)  # doctest: +SKIP
>>> train = train.concatenate(made).shuffle(2000)  # doctest: +SKIP
>>> train = mix(train, "flowers.safetensors", ratio=0.25, batch_size=32)  # doctest: +SKIP
"""

from gmmaug_plugin.extras import require

require("tensorflow", extra="tensorflow")

# Below the check, so that a missing TensorFlow is reported together with the extra that brings it.
from gmmaug_plugin.tensorflow.datasets import gmm_dataset  # noqa: E402
from gmmaug_plugin.tensorflow.mixing import mix  # noqa: E402

__all__ = ["gmm_dataset", "mix"]
