"""Peak resident memory of fits and of sampling, each in a process of its own, beside scikit-learn's.

    python -m benchmarks.memory [PHOTOS] [--quick]

The peak is the kernel's high-water mark of the whole process, interpreter and imports included (Linux only).
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.common import AS_IT_IS, WHOLE_IMAGES, Setting, run_alone
from benchmarks.fitting import fit_in_scikit_learn
from benchmarks.models import N_COMPONENTS, in_scikit_learn, random_model
from benchmarks.rows import Beside, Row
from gmmaug_plugin import fit

N_SAMPLES = 1024
N_DIMENSIONS = 256


def status_mb(field: str) -> float:
    """A figure of /proc/self/status, as VmHWM (peak resident) or RssAnon (anonymous now), in MB.

    Raises:
        OSError: The system has no such file.
        ValueError: It has no such field.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024 / 1e6
    raise ValueError(f"No such figure in /proc/self/status. Received: field={field!r}")


def sample_ours(photos: np.ndarray) -> None:
    random_model(N_DIMENSIONS, "flip", photos.shape[1]).sample(N_SAMPLES, seed=0)


def sample_in_scikit_learn(photos: np.ndarray) -> None:
    pca, estimator = in_scikit_learn(random_model(N_DIMENSIONS, "flip", photos.shape[1]))
    np.clip(np.rint(pca.inverse_transform(estimator.sample(N_SAMPLES)[0])), 0, 255).astype(np.uint8)


JOBS: dict[str, Callable[[np.ndarray], object]] = {
    "nothing": lambda photos: None,
    "fit-pca": partial(fit, **WHOLE_IMAGES),
    "fit-multiscale": partial(fit, **AS_IT_IS),
    "fit-multiscale-4": partial(fit, **AS_IT_IS, n_components=4),
    "fit-scikit-learn": lambda photos: fit_in_scikit_learn(photos, min(N_COMPONENTS, len(photos))),
    "sample": sample_ours,
    "sample-scikit-learn": sample_in_scikit_learn,
}


def peak_of(job: str, loaded: Path) -> float:
    """Peak resident memory in MB of a process that does one job on photos in a .npy file."""
    command = [sys.executable, "-m", "benchmarks.memory", "--job", job, str(loaded)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.split()[-1])


def measure(setting: Setting) -> list[Row]:
    with TemporaryDirectory(prefix="memory-") as folder:
        if setting.loaded is None:
            setting = replace(setting, loaded=Path(folder) / "photos.npy")
            np.save(setting.loaded, replace(setting, loaded=None).photos())
        multiscale = "fit-multiscale-4" if setting.quick else "fit-multiscale"
        skipped = {"fit-multiscale", "fit-multiscale-4"} - {multiscale}
        peaks = {job: peak_of(job, setting.loaded) for job in JOBS if job not in skipped}
    nothing = Beside("the process with photos and imports alone", peaks["nothing"])
    fitting = (Beside("scikit-learn, PCA(0.99) and 10 full covariances", peaks["fit-scikit-learn"]), nothing)
    sampling = (Beside("scikit-learn", peaks["sample-scikit-learn"]), nothing)
    return [
        Row('fit(model="pca"), peak', peaks["fit-pca"], "MB", fitting),
        Row("fit(), peak", peaks[multiscale], "MB", fitting),
        Row(f"sample({N_SAMPLES}), {N_DIMENSIONS} dimensions, peak", peaks["sample"], "MB", sampling),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        JOBS[sys.argv[2]](np.load(sys.argv[3]))
        print(status_mb("VmHWM"))
    else:
        run_alone(measure, __doc__)
