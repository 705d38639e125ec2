"""The package without the calls that only Linux has: ``python -m tests.elsewhere FOLDER``.

Other libraries are imported first; then the calls are taken away, again in every process that is started.
"""

import multiprocessing
import os
import shutil
import signal
import subprocess  # noqa: F401
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import albumentations as A
import jinja2  # noqa: F401
import keras
import numpy as np
import platformdirs  # noqa: F401
import rich.progress  # noqa: F401
import scipy.spatial  # noqa: F401
import sklearn.cluster  # noqa: F401
import tensorflow as tf

ON_WINDOWS = """
abort access chdir chmod close closerange cpu_count device_encoding dup dup2 execv execve fspath fstat fsync
ftruncate get_inheritable get_terminal_size getcwd getcwdb getlogin getpid getppid isatty kill link listdir
lseek lstat mkdir open pipe putenv read readlink remove rename replace rmdir scandir set_inheritable stat
strerror symlink system times truncate umask unlink unsetenv urandom utime waitpid write
waitstatus_to_exitcode
"""
"""Functions of ``os`` without "Availability: Unix" in Python's documentation."""

OF_MULTIPROCESSING = {"statvfs"}  # on Linux
FUNCTIONS = {name for name, what in vars(os).items() if callable(what) and what.__module__ == "posix"}
for name in FUNCTIONS - {*ON_WINDOWS.split()} - OF_MULTIPROCESSING:
    delattr(os, name)
for name in ("SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1", "alarm", "setitimer"):
    delattr(signal, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix"):
    sys.modules[name] = None
warnings.filterwarnings("error", category=EncodingWarning, module="gmmaug_plugin")

from gmmaug_plugin import load_model  # noqa: E402
from gmmaug_plugin.albumentations import GMMSynthesize  # noqa: E402
from gmmaug_plugin.cli import main  # noqa: E402
from gmmaug_plugin.keras import GMMSequence  # noqa: E402
from gmmaug_plugin.pictures import write_class_folders  # noqa: E402
from gmmaug_plugin.tensorflow import gmm_dataset, mix  # noqa: E402

CLASSES = ("バラ", "rosé…")


def run_commands(folder: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (70, 32, 32), np.uint8)
    write_class_folders(images, np.arange(70, dtype=np.int32) % 2, CLASSES, folder / "photos")
    (folder / "photos" / CLASSES[0] / "broken ‰.jpg").write_bytes(b"no photo")
    os.chdir(folder)
    fit = "fit photos -o pool.safetensors --image-size 32 --images 20 --no-measure --report report"
    for command in (
        "fit --help",
        fit,
        f"{fit} --resume",
        "inspect pool.safetensors",
        "sample pool.safetensors -o grid.png",
        "export pool.safetensors drawn",
        "report pool.safetensors photos -o report --no-features",
        f"vary photos/{CLASSES[1]}/00.png --photos photos -o varied.png --image-size 32",
    ):
        sys.argv = ["gmmaug", *command.split()]
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise
    shutil.rmtree("drawn")


def train() -> None:
    pool = load_model("pool.safetensors")
    x, y = pool.sample(32, seed=1)
    real = tf.data.Dataset.from_tensor_slices((x[..., None], y))
    names = pool.class_names
    assert len(list(mix(real, pool, ratio=0.25, batch_size=8, class_names=names))) > 4
    assert len(list(gmm_dataset(pool, 9, like=real, class_names=names))) == 9

    model = keras.Sequential(
        [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    options = {"batch_size": 8, "class_names": names, "workers": 1, "use_multiprocessing": True}
    model.fit(GMMSequence(x[..., None], y, model=pool, ratio=0.25, **options), epochs=1, verbose=0)

    pipeline = A.Compose([GMMSynthesize("pool.safetensors", p=1.0)], seed=0)
    with ProcessPoolExecutor(1) as processes:
        assert {image.shape for image in processes.map(partial(augmented, pipeline), x[:4])} == {(32, 32)}


def augmented(pipeline: Any, image: np.ndarray) -> np.ndarray:
    return pipeline(image=image, label=CLASSES[1])["image"]


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    run_commands(Path(sys.argv[1]))
    train()
