"""The scripts on threads, processors and statistics, run small; and that they notice what they look for."""

import json
import threading
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin.models.pca_mixture import PCAMixture
from reliability import machines, statistics, threads
from reliability.tally import Tally
from tests.extent import ALL
from tests.factories import random_model
from tests.statistics import pca_laws


def test_threads_lose_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert threads.main(["--seconds", "2", "--json", str(tmp_path / "counts.json")]) == 0
    assert "8 threads on one model, multiscale" in capsys.readouterr().out
    for kind in json.loads((tmp_path / "counts.json").read_text()):
        assert kind["tried"] >= 8
        assert not kind["failures"]


class Forgetful(PCAMixture):
    """Gives other images in a thread."""

    def sample(self, n, **options):
        images, labels = super().sample(n, **options)
        return images + np.uint8(threading.current_thread() is not threading.main_thread()), labels


def test_a_call_that_gives_something_else_in_a_thread_is_told() -> None:
    photos = np.random.default_rng(0).integers(0, 256, (20, 16, 16)).astype(np.uint8)
    model = random_model()
    changed = Forgetful(model.basis, model.mixture, model.noise_variance, model.class_names)
    tally = threads.check("forgetful", changed, photos, 2, 0.3)
    assert tally.failures
    assert all("sample" in one and "something else" in one for one in tally.failures)


def test_images_that_differ_by_more_than_a_grey_level_are_told() -> None:
    known = np.full((4, 8, 8), 100, np.uint8)
    found = known.copy()
    found[1, 0, 0], found[2, 3] = 101, 97
    tally = Tally("images", "images")
    machines.count_images(tally, "sample", known, found)
    assert dict(tally.outcomes) == {"same bytes": 2, "within one grey level": 1}
    assert tally.failures == ["sample: image 2 is 3 grey levels off"]


@pytest.mark.skipif(not ALL, reason="fits in several processes: by make test-all")
def test_machines_agree(capsys: pytest.CaptureFixture[str]) -> None:
    assert machines.main(["--quick"]) == 0
    assert "fits of the same photos, options and seed" in capsys.readouterr().out


def test_statistics_over_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--models-only", "--seeds", "3", "--laws", "spherical, none"]
    assert statistics.main(words) == 0
    assert "3  no alarm" in capsys.readouterr().out


def test_alarms_and_what_is_not_uniform_are_told() -> None:
    model = pca_laws.model_of("diag", "none")
    wider = replace(model.mixture, variances=model.mixture.variances * np.float32(1.1))
    wrong = replace(model, mixture=wider)
    law = {"wider": lambda seed: pca_laws.sampling(wrong, model.mixture, seed)}
    assert len(statistics.repeat(law, range(3)).failures) > 3
    found = defaultdict(list, {"piled up": list(np.linspace(0.4, 0.6, 50))})
    assert statistics.judge(Tally("none", "tests"), found).failures
