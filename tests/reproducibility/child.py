"""What a process of its own makes, as digests: of artifacts, of images, and of images in forked workers.

TensorFlow is imported for its own datasets only: its threads do not survive a fork.
"""

import hashlib
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gmmaug_plugin import fit, load_model
from gmmaug_plugin.datasets import make_flowers

SIZE = 32
N = 40
KINDS = ("pca", "multiscale")
WORKERS = ("reader-1", "reader-2", "reader-3")

ARTIFACTS: dict[str, dict[str, Any]] = {
    "auto": {"model": "pca", "n_components": "auto", "variance": 6, "max_iter": 5},
    "seed recipe": {"recipe": "seed", "n_components": [2, 3]},
    "multiscale": {"n_components": 2, "max_iter": 3, "templates": 3, "strength": 0.5},
}


def photos() -> tuple[np.ndarray, np.ndarray]:
    images, labels, _ = make_flowers(60, image_size=SIZE, n_classes=2)
    return images, labels


def digest(*arrays: Any) -> str:
    return hashlib.sha256(b"|".join(np.asarray(one).tobytes() for one in arrays)).hexdigest()


def artifact(name: str) -> str:
    """The digest of an artifact."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        fit(*photos(), allow_copies=True, holdout=0.0, quiet=True, **ARTIFACTS[name]).save(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()


def artifacts(*names: str) -> dict[str, str]:
    return {name: artifact(name) for name in names}


def images(folder: str, seed: int | None = 0) -> dict[str, Any]:
    """Digests of what the models in a folder sample and vary, and log-densities of photos."""
    found = {}
    for kind in KINDS:
        model = load_model(Path(folder) / f"{kind}.safetensors")
        given, labels = photos()
        found[f"{kind} sample"] = digest(*model.sample(N, seed=seed))
        found[f"{kind} vary"] = digest(model.vary(given[:N], label=labels[:N], seed=seed))
        found[f"{kind} score_samples"] = model.score_samples(given).tolist()
    return found


def datasets(folder: str, seed: int | None = 0) -> dict[str, str]:
    """Digests of TensorFlow's datasets."""
    import tensorflow as tf

    from gmmaug_plugin.tensorflow import gmm_dataset, mix

    found = {}
    for kind in KINDS:
        path = Path(folder) / f"{kind}.safetensors"
        real = tf.data.Dataset.from_tensor_slices(photos())
        made = gmm_dataset(path, 20, seed=seed).batch(20)
        found[f"{kind} gmm_dataset"] = digest(*next(made.as_numpy_iterator()))
        mixed = mix(real, path, ratio=0.4, batch_size=12, seed=seed)
        found[f"{kind} mix"] = digest(*(part for batch in mixed.as_numpy_iterator() for part in batch))
    return found


def answer(queue: Any, task: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    queue.put(task(*arguments))


def in_workers(method: str, task: Callable[..., Any], *arguments: Any, names: Any = WORKERS) -> list[Any]:
    """Results of a task in several worker processes."""
    context = multiprocessing.get_context(method)
    results = []
    for name in names:
        queue = context.SimpleQueue()
        worker = context.Process(target=answer, args=(queue, task, arguments), name=name)
        worker.start()
        results.append(queue.get())
        worker.join()
    return results


def single_images(folder: str, rounds: int = 2) -> list[str]:
    """Single images without a seed, of everything that draws some."""
    from gmmaug_plugin.albumentations import GMMSynthesize, GMMVary

    given, _ = photos()
    found = []
    for kind in KINDS:
        path = Path(folder) / f"{kind}.safetensors"
        model = load_model(path)
        for _ in range(rounds):
            found += [digest(one) for one in model.sample(3)[0]]
            found += [digest(one) for one in model.vary(given[:3])]
            # The pipelines of the program that forked, where there are some.
            for transform in (GMMSynthesize, GMMVary):
                pipeline = PIPELINES.setdefault((transform, path), transform(path, p=1.0))
                found.append(digest(pipeline(image=given[0], label=1)["image"]))
    return found


PIPELINES: dict[Any, Any] = {}


def unseeded(folder: str) -> list[list[str]]:
    """Of this process, then of workers that it forks, then of this process again."""
    before = single_images(folder)
    return [before, *in_workers("fork", single_images, folder), single_images(folder)]


def main(what: str, *arguments: str) -> Iterator[Any]:
    """Results here, and of one forked worker where that is asked for."""
    task: Callable[..., Any] = globals()[what.removeprefix("forked ")]
    yield task(*arguments)
    if what.startswith("forked "):
        (forked,) = in_workers("fork", task, *arguments, names=WORKERS[:1])
        yield forked


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list(main(*sys.argv[1:]))) + "\n")
