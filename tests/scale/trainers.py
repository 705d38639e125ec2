"""Training under ``tf.distribute`` in a process of its own; returns the images that its replicas read."""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tests.scale.datasets import DATASETS, POOL, mix_own_photos

Steps = list[list[np.ndarray]]
"""Images of each replica in each step."""


def steps_of(strategy: Any, distributed: Any) -> Steps:
    parts = (strategy.experimental_local_results(images) for images, _ in distributed)
    return [[part.numpy() for part in step] for step in parts]


def shared_out(strategy: Any, name: str, policy: str) -> Steps:
    """Let TensorFlow share out a dataset's batches by a policy."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy[policy]
    return steps_of(
        strategy, strategy.experimental_distribute_dataset(DATASETS[name]().with_options(options))
    )


def train_on_two_devices() -> tuple[dict[str, Steps], list[float]]:
    """Steps of each dataset, and the losses of a small classifier over two epochs."""
    import keras

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    steps = {name: shared_out(strategy, name, "AUTO") for name in DATASETS}
    with strategy.scope():
        keras.utils.set_random_seed(0)
        size = POOL.image_size
        classifier = keras.Sequential(
            [keras.Input((size, size, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        classifier.compile(keras.optimizers.SGD(1e-6), loss)
    history = classifier.fit(DATASETS["mixed"](), epochs=2, verbose=0)
    return steps, history.history["loss"]


def train_beside_others(index: int, ports: Sequence[int]) -> dict[tuple[str, str], Steps]:
    """Steps of one of several processes, by dataset and the way it is shared out."""
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    tf.random.set_seed(index)  # of the program, which must not matter
    found = {(name, "DATA"): shared_out(strategy, name, "DATA") for name in DATASETS}
    found["mixed", "AUTO"] = shared_out(strategy, "mixed", "AUTO")

    def own_batches(context: Any) -> Any:
        return DATASETS["mixed"]().shard(context.num_input_pipelines, context.input_pipeline_id)

    def own_photos(context: Any) -> Any:
        return mix_own_photos(context.num_input_pipelines, context.input_pipeline_id)

    for way, make in {"own batches": own_batches, "own photos": own_photos}.items():
        found["mixed", way] = steps_of(strategy, strategy.distribute_datasets_from_function(make))
    return found
