"""One of several training processes, given ``TF_CONFIG``: ``python -m tests.scale.strategy_trainer FOLDER``.

It writes what its replicas saw, by model, dataset and way of sharding, to FOLDER/<index>.pickle.
"""

import pickle
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from tests.scale.processes import end_with_parent
from tests.scale.setting import CASES, DATASETS, MODELS, shard_mixed

POLICIES = ("AUTO", "DATA", "OFF")


def steps_of(strategy: Any, distributed: Any) -> list[list[Any]]:
    """Images of each step and replica of this process."""
    return [
        [part.numpy() for part in strategy.experimental_local_results(element[0])] for element in distributed
    ]


def sharded(strategy: Any, dataset: Any, policy: str) -> Any:
    """A dataset that TensorFlow shares out by a policy."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy[policy]
    return strategy.experimental_distribute_dataset(dataset.with_options(options))


def seen(strategy: Any) -> dict[tuple[str, str, str], Any]:
    """What came, by model, dataset and way of sharding."""
    found: dict[tuple[str, str, str], Any] = {}

    def by_function(make: Any) -> Any:
        return strategy.distribute_datasets_from_function(make)

    for kind, name in CASES:
        for policy in POLICIES if (kind, name) == ("pca", "mixed") else ("DATA",):
            found[kind, name, policy] = steps_of(
                strategy, sharded(strategy, DATASETS[name](MODELS[kind]()), policy)
            )
    model = MODELS["pca"]()

    def own_batches(context: Any) -> Any:
        return DATASETS["mixed"](model).shard(context.num_input_pipelines, context.input_pipeline_id)

    def own_photos(context: Any) -> Any:
        return shard_mixed(model, context.num_input_pipelines, context.input_pipeline_id)

    found["pca", "mixed", "own batches"] = steps_of(strategy, by_function(own_batches))
    found["pca", "mixed", "own photos"] = steps_of(strategy, by_function(own_photos))
    return found


def error_of_files(strategy: Any) -> str:
    """The error of sharding by files where there are none."""
    try:
        steps_of(strategy, sharded(strategy, DATASETS["synthesised"](MODELS["pca"]()), "FILE"))
    except tf.errors.NotFoundError as error:
        return str(error)
    return ""


def main() -> None:
    end_with_parent()
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    index = strategy.cluster_resolver.task_id
    # The program's own seed must not matter.
    tf.random.set_seed(index)
    result = {"seen": seen(strategy), "files": error_of_files(strategy)}
    (Path(sys.argv[1]) / f"{index}.pickle").write_bytes(pickle.dumps(result))


if __name__ == "__main__":
    main()
