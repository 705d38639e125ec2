"""Fits on a real Dask cluster of worker processes: the same bytes, whatever happens to workers."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from gmmaug_plugin import fit
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.fitting import cluster as cluster_module
from gmmaug_plugin.fitting.cluster import ClusterError, connect
from gmmaug_plugin.fitting.workers import workers
from gmmaug_plugin.models.image_model import ImageModel
from tests.fitting.clusters import local_cluster

Flowers = tuple[np.ndarray, np.ndarray]

PCA = {"model": "pca", "block_size": 60, "variance": 8, "max_iter": 2, "allow_copies": True, "holdout": 0.0}
MULTISCALE = {"n_components": [1, 2], "image_size": 32, "max_iter": 2, "holdout": 0.0}


@pytest.fixture(scope="module")
def flowers() -> Flowers:
    images, labels, _ = make_flowers(160, image_size=16, n_classes=2, random_state=0)
    return images, labels


def as_bytes(model: ImageModel, folder: Path) -> bytes:
    model.save(folder / "model.safetensors")
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture
def shared_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files that workers read are written."""
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("GMMAUG_CACHE", str(folder))
    return folder


def left_in(folder: Path) -> list[str]:
    """What is in the folder that is not Dask's own."""
    return [path.name for path in folder.iterdir() if path.name != "dask-scratch-space"]


@pytest.mark.parametrize(
    "options",
    [
        PCA | {"covariance_type": "diag", "n_components": [1, 3]},
        PCA | {"covariance_type": "full", "n_components": 2, "holdout": 0.15},
        PCA | {"covariance_type": "tied", "n_components": 2},
        PCA | {"covariance_type": "spherical", "n_components": 2, "symmetry": "d4"},
        PCA | {"criterion": "heldout", "n_components": [1, 2], "block_size": 90},
        MULTISCALE | {"sharing": "details"},
        MULTISCALE | {"sharing": "none", "n_components": 1},
    ],
)
def test_the_cluster_gives_the_same_bytes_and_leaves_no_file(
    client: Client, flowers: Flowers, options: dict[str, Any], tmp_path: Path, shared_folder: Path
) -> None:
    photos, labels = flowers if "model" in options else (part[:12] for part in flowers)
    here = as_bytes(fit(photos, labels, quiet=True, **options), tmp_path)
    assert as_bytes(fit(photos, labels, client=client, quiet=True, **options), tmp_path) == here
    assert left_in(shared_folder) == []


def test_one_client_fits_again_and_stays_open(client: Client, flowers: Flowers, tmp_path: Path) -> None:
    options = PCA | {"n_components": 2, "client": client, "quiet": True}
    first, second = (as_bytes(fit(*flowers, **options), tmp_path) for _ in range(2))
    assert first == second
    assert client.submit(abs, -3).result() == 3


def test_the_seed_recipe_is_fitted_here(flowers: Flowers, tmp_path: Path) -> None:
    """A client that is none: it is not asked for anything."""
    options = {"recipe": "seed", "n_components": 2, "allow_copies": True, "holdout": 0.0, "quiet": True}
    here = as_bytes(fit(*flowers, **options), tmp_path)
    assert as_bytes(fit(*flowers, client=object(), **options), tmp_path) == here


def test_files_are_removed_after_an_error(client: Client, flowers: Flowers, shared_folder: Path) -> None:
    with pytest.raises(ValueError, match="do not differ"):
        fit(np.full((200, 16, 16), 7, np.uint8), client=client, quiet=True, **PCA)
    assert left_in(shared_folder) == []


class _Fuse:
    """Ends its process, as if memory had run out."""

    def __call__(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def fragile() -> Iterator[Client]:
    """A cluster whose workers are killed and come again."""
    with local_cluster(2) as client:
        yield client


def test_a_killed_worker_costs_time_and_not_the_result(
    fragile: Client, flowers: Flowers, tmp_path: Path, shared_folder: Path
) -> None:
    options = PCA | {"n_components": [1, 2, 3], "max_iter": 12, "tol": 0.0, "quiet": True}
    here = as_bytes(fit(*flowers, **options), tmp_path)
    pids = fragile.run(os.getpid)
    killed: list[int] = []
    over = threading.Event()

    def kill_when_codes_are_kept() -> None:
        """In the middle of expectation maximisation, with results on the worker that nobody else has."""
        while not over.wait(0.01):
            held = fragile.has_what()
            encoded = [worker for worker, keys in held.items() if any("on_photos" in key for key in keys)]
            steps = sum("add" in key for keys in held.values() for key in keys)
            if encoded and steps:
                killed.append(pids[encoded[0]])
                os.kill(killed[0], signal.SIGKILL)
                return

    watcher = threading.Thread(target=kill_when_codes_are_kept)
    watcher.start()
    try:
        there = as_bytes(fit(*flowers, client=fragile, **options), tmp_path)
    finally:
        over.set()
        watcher.join()
    assert killed, "it happened while the fit was running"
    assert there == here
    fragile.wait_for_workers(2, timeout=30)
    assert killed[0] not in fragile.run(os.getpid).values(), "the worker has been started again"
    assert left_in(shared_folder) == []


def test_a_task_that_kills_every_worker_is_an_error_that_says_what_to_do(fragile: Client) -> None:
    expected = pytest.raises(ClusterError, match=r"give each worker more of it, or .* --block-size\)")
    with expected, workers(fragile) as crew:
        crew.send([_Fuse()])
    assert fragile.submit(abs, -3).result(timeout=60) == 3


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises, even where tests run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_waiting_for_workers_is_told_and_can_be_interrupted(
    flowers: Flowers, shared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads wait for the cluster too; none is left behind, nor is a file."""
    monkeypatch.setattr(cluster_module, "_PATIENCE", 0.2)
    with local_cluster(0) as client:
        timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()

        def wait_in_threads() -> None:
            with workers(client) as crew:
                pieces = crew.spread([1, 2])
                crew([lambda: pieces.map(abs), lambda: pieces.sum(abs)])

        with pytest.warns(UserWarning, match="no worker: the fit waits"), pytest.raises(KeyboardInterrupt):
            wait_in_threads()
        timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.warns(UserWarning, match="no worker"), pytest.raises(KeyboardInterrupt):
            fit(*flowers, client=client, quiet=True, **PCA)
    assert left_in(shared_folder) == []


def test_a_scheduler_that_goes_away_is_an_error() -> None:
    with local_cluster(0) as other:
        client = Client(other.scheduler.address, set_as_default=False)
        timer = threading.Timer(0.5, client.close)
        timer.start()
        with pytest.raises(ClusterError), workers(client) as crew:
            crew.spread([1]).map(abs)
        timer.join()
        with pytest.raises(ClusterError, match="must be open"), workers(client) as crew:
            crew.spread([1])


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "xyz://1:2", "127.0.0.1", ""])
def test_a_wrong_address_is_an_error_and_leaves_nothing(address: str) -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match=r"scheduler must answer at the address.*Received: '"):
        connect(address)
    assert threading.active_count() <= before + 1, "the loop that all clients share"


def test_without_dask_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['distributed'] = None\n"
        "from gmmaug_plugin.fitting.cluster import connect\n"
        "try:\n    connect('tcp://127.0.0.1:1')\nexcept ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "gmmaug-plugin[dask]"' in done.stdout


def test_tasks_of_one_process_leave_each_other_one_thread() -> None:
    """The first to end must not give the second its threads back; after both they are as before."""
    code = """
import threading
import numpy, sklearn.cluster
from threadpoolctl import threadpool_info
from gmmaug_plugin.fitting.cluster import _alone
def most(): return max(one["num_threads"] for one in threadpool_info())
begun, go = threading.Event(), threading.Event()
def long():
    begun.set(); go.wait(); return most()
found = []
def short(): begun.wait(); return most()
one = threading.Thread(target=lambda: found.append(_alone(short)))
two = threading.Thread(target=lambda: found.append(_alone(long)))
before = most()
one.start(); two.start(); one.join(); go.set(); two.join()
print(before, found, most())
"""
    env = os.environ | dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "2")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.split("\n")[0] == "2 [1, 1] 2", done.stdout


@contextmanager
def processes(folder: Path) -> Iterator[str]:
    """A scheduler and a worker as users start them; the scheduler's address."""
    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    common = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [
        subprocess.Popen(
            [*dask, "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)], **common
        ),
        subprocess.Popen(
            [*dask, "worker", "--scheduler-file", str(file), "--nthreads", "2", "--no-dashboard"], **common
        ),
    ]
    try:
        with_address = time.monotonic() + 60
        while not file.is_file() and time.monotonic() < with_address:
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def test_the_command_fits_on_a_cluster(flowers: Flowers, tmp_path: Path) -> None:
    np.savez(tmp_path / "photos.npz", images=flowers[0], labels=flowers[1])

    def run(name: str, *more: str) -> subprocess.CompletedProcess[str]:
        arguments = [str(tmp_path / "photos.npz"), "-o", str(tmp_path / name), "--model", "pca"]
        arguments += ["--block-size", "60", "--n-components", "2", "--allow-copies", "--variance", "8"]
        code = "from gmmaug_plugin.cli import main_fit; main_fit()"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments, *more],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert run("here.safetensors").returncode == 0
    with processes(tmp_path) as address:
        done = run("there.safetensors", "--scheduler", address)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "there.safetensors").read_bytes() == (tmp_path / "here.safetensors").read_bytes()
    wrong = run("wrong.safetensors", "--scheduler", "nonsense")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("Error: A Dask scheduler must answer")
    assert wrong.stderr.count("\n") == 1
