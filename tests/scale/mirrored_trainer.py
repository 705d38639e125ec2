"""A training process with two devices: ``python -m tests.scale.mirrored_trainer FOLDER``.

It writes what its replicas saw, and how a small Keras model trained, to FOLDER/mirrored.pickle.
"""

import pickle
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from tests.scale.processes import end_with_parent
from tests.scale.setting import DATASETS, POOL
from tests.scale.strategy_trainer import sharded, steps_of

POLICIES = ("AUTO", "DATA", "OFF", "FILE")


def trained(strategy: Any) -> dict[str, Any]:
    """Losses of a small classifier over two epochs, and its steps."""
    import keras

    with strategy.scope():
        keras.utils.set_random_seed(0)
        classifier = keras.Sequential(
            [
                keras.Input((POOL.image_size, POOL.image_size, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(2),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        classifier.compile(keras.optimizers.SGD(1e-6), loss)
    history = classifier.fit(DATASETS["mixed"](), epochs=2, verbose=0)
    return {"loss": history.history["loss"], "steps": int(classifier.optimizer.iterations.numpy())}


def main() -> None:
    end_with_parent()
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    seen = {
        (name, policy): steps_of(strategy, sharded(strategy, make(), policy))
        for name, make in DATASETS.items()
        for policy in (POLICIES if name == "mixed" else ("AUTO",))
    }
    result = {"seen": seen, "fit": trained(strategy)}
    (Path(sys.argv[1]) / "mirrored.pickle").write_bytes(pickle.dumps(result))


if __name__ == "__main__":
    main()
