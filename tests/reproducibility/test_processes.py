"""The same seed in other processes, forked or not, with other numbers of threads; and no seed in forks."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gmmaug_plugin import fit
from tests.reproducibility import child

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300

OPTIONS = {"n_components": 2, "max_iter": 3, "allow_copies": True, "holdout": 0.0, "quiet": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of each kind in a file."""
    place = tmp_path_factory.mktemp("models")
    for kind in child.KINDS:
        fit(*child.photos(), model=kind, **OPTIONS).save(place / f"{kind}.safetensors")
    return str(place)


def processes(*arguments: str, threads: tuple[str, ...] = ("2",)) -> Iterator[list[Any]]:
    """What processes of their own make, one for each number of threads."""
    running = []
    for n in threads:
        limits = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
        environment = {**os.environ, **dict.fromkeys(limits, n)}
        command = [sys.executable, "-W", "ignore", "-m", "tests.reproducibility.child", *arguments]
        running.append(subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE))
    outs = [process.communicate(timeout=PATIENCE)[0] for process in running]
    for process, out in zip(running, outs, strict=True):
        assert process.returncode == 0
        yield json.loads(out.splitlines()[-1])


def same_images(made: dict[str, Any], expected: dict[str, Any]) -> None:
    """Every byte of images, and log-densities to rounding: some versions of OpenBLAS round by threads."""
    assert made.keys() == expected.keys()
    for name, told in expected.items():
        assert made[name] == (pytest.approx(told, rel=1e-4) if "score_samples" in name else told), name


def test_artifacts_of_processes_and_forks_and_any_number_of_threads() -> None:
    """Each fits again in a forked worker."""
    names = tuple(child.ARTIFACTS)
    first, *others = processes("forked artifacts", *names, threads=("1", "2"))
    assert first[0].keys() == set(names)
    for here, forked in (first, *others):
        assert here == forked == first[0]


def test_artifacts_of_fits_at_once() -> None:
    """Threads fit side by side, each as alone."""
    names = tuple(child.ARTIFACTS)
    alone = child.artifacts(*names)
    with ThreadPoolExecutor(len(names)) as pool:
        together = dict(zip(names, pool.map(child.artifact, names), strict=True))
    assert together == alone


def test_images_of_processes_and_forks_and_any_number_of_threads(folder: str) -> None:
    expected = child.images(folder)
    for made in processes("forked images", folder, threads=("1", "2")):
        for one in made:
            same_images(one, expected)


def test_images_of_concurrent_threads(folder: str) -> None:
    expected = child.images(folder)
    with ThreadPoolExecutor(4) as pool:
        for one in pool.map(child.images, [folder] * 8):
            same_images(one, expected)


def test_datasets_of_processes_and_any_number_of_threads(folder: str) -> None:
    expected = child.datasets(folder)
    for made in processes("datasets", folder, threads=("1", "2")):
        assert made == [expected]


def test_datasets_of_concurrent_threads(folder: str) -> None:
    expected = child.datasets(folder)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(child.datasets, [folder] * 3)) == [expected] * 3


def test_unseeded_forked_workers_never_repeat_each_other(folder: str) -> None:
    """Forked after import and after first images: every image is another one, transforms' too."""
    ((places,),) = processes("unseeded", folder)
    assert len(places) == 2 + len(child.WORKERS)
    images = [image for place in places for image in place]
    assert len(images) == len(places) * 2 * 2 * 8
    assert len(set(images)) == len(images)


def test_unseeded_datasets_differ(folder: str) -> None:
    found = [child.datasets(folder, seed=None) for _ in range(2)]
    for name in found[0]:
        assert found[0][name] != found[1][name]


def test_torch_workers_repeat_neither_each_other_nor_epochs(folder: str) -> None:
    """The well-known bug of duplicated augmentation, in PyTorch's own loader."""
    data = pytest.importorskip("torch.utils.data")
    from gmmaug_plugin.albumentations import GMMVary

    class Photos(data.Dataset):
        def __init__(self) -> None:
            self.vary = GMMVary(Path(folder) / "pca.safetensors", p=1.0)

        def __len__(self) -> int:
            return 12

        def __getitem__(self, index: int) -> str:
            return child.digest(self.vary(image=child.photos()[0][0], label=0)["image"])

    loader = data.DataLoader(Photos(), batch_size=None, num_workers=3)
    images = [*loader, *loader]
    assert len(set(images)) == len(images) == 24
