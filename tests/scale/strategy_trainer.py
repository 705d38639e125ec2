"""One of several training processes, given ``TF_CONFIG``: ``python -m tests.scale.strategy_trainer FOLDER``.

It writes what its replicas saw, by dataset and way of sharding, to FOLDER/<index>.pickle.
"""

import pickle
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from tests.scale.processes import end_with_parent
from tests.scale.setting import DATASETS, shard_mixed

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


def seen(strategy: Any) -> dict[tuple[str, str], Any]:
    """Images of each step, by dataset and way of sharding."""
    found = {
        (name, policy): steps_of(strategy, sharded(strategy, make(), policy))
        for name, make in DATASETS.items()
        for policy in (POLICIES if name == "mixed" else ("DATA",))
    }

    def own_batches(context: Any) -> Any:
        return DATASETS["mixed"]().shard(context.num_input_pipelines, context.input_pipeline_id)

    def own_photos(context: Any) -> Any:
        return shard_mixed(context.num_input_pipelines, context.input_pipeline_id)

    for way, make in {"own batches": own_batches, "own photos": own_photos}.items():
        found["mixed", way] = steps_of(strategy, strategy.distribute_datasets_from_function(make))
    return found


def error_of_files(strategy: Any) -> str:
    """The error of sharding by files where there are none."""
    try:
        steps_of(strategy, sharded(strategy, DATASETS["synthetic"](), "FILE"))
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
