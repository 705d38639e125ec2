"""The files of a report: whole, the same every time, and safe whatever names they hold."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.evaluation.measures import Measure
from gmmaug_plugin.evaluation.report import ReportContents, gather, write_report
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.images.files import printable
from gmmaug_plugin.models.pca_mixture import PCAMixture

from .stand_ins import HOSTILE_NAMES, HOSTILE_TEXT

VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """Elements, attributes and text as a reader of HTML sees them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_same_model_and_photos_give_the_same_bytes(
    tmp_path: Path, model: PCAMixture, flowers: tuple[PhotoSet, PhotoSet]
) -> None:
    for folder in ("one", "two"):
        detector = CopyDetector(flowers[0].images, flowers[0].labels)
        contents = gather(model, *flowers, detector=detector, n_samples=6, n_compared=9)
        write_report(tmp_path / "deep" / folder, contents)
    for name in ("index.html", "report.json"):
        one, two = ((tmp_path / "deep" / folder / name).read_bytes() for folder in ("one", "two"))
        assert one == two


def test_the_numbers_are_all_there(pages: dict[str, Path], whole: ReportContents) -> None:
    text = (pages["whole"].parent / "report.json").read_text(encoding="ascii")
    numbers = json.loads(text)
    assert list(numbers) == sorted(numbers)
    assert numbers["measures"][1]["value"] == 9.5
    assert numbers["measures"][1]["good"] is False
    assert numbers["options"]["n_components"] == [2, 3, 4]
    assert numbers["versions"]["numpy"] == np.__version__
    assert numbers["seed"] == 0
    assert numbers["refused_candidates"][0]["reason"] == "copies 31% (real photos 2.4%)"
    curve = numbers["criterion_curves"][0]
    assert curve["criterion"] == "heldout"
    assert curve["n_components"] == [2, 3, 4]
    assert len(curve["standard_errors"]) == 3
    assert len(numbers["pairs"]) == 36
    assert numbers["pairs"][0]["ratio"] == pytest.approx(whole.pairs[0].ratio, rel=1e-5)
    assert sum(one["share"] for one in numbers["components"]) == pytest.approx(2, abs=1e-4)
    assert not re.search(r'"(/|[A-Z]:|~)', text)


def test_numbers_that_are_not_finite_are_told_as_absent(tmp_path: Path, whole: ReportContents) -> None:
    measure = Measure("copies_raw", "Copies", float("nan"), float("inf"), "%", None, "Unknown.", "none")
    write_report(tmp_path, replace(whole, measures=(measure,), info={"odd": float("-inf")}))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    numbers = json.loads((tmp_path / "report.json").read_text(), parse_constant=refuse)
    assert numbers["measures"][0]["value"] is None
    assert numbers["measures"][0]["real"] is None
    assert numbers["info"] == {"odd": None}
    assert "not a number" in Page(tmp_path / "index.html").text


def test_hostile_names_stay_text(pages: dict[str, Path]) -> None:
    page = Page(pages["hostile"])
    assert [set(attributes) for attributes in page.all("script")] == [set()]  # one, and it is the page's own
    assert all((one["src"] or "").startswith("data:image/") for one in page.all("img"))
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    for name in HOSTILE_NAMES:
        assert printable(name) in page.text
    assert "\\u202e" in page.text
    assert "\u202e" not in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert f"{HOSTILE_TEXT}.jpg (broken image)" in page.text
    numbers = json.loads((pages["hostile"].parent / "report.json").read_bytes())
    assert numbers["model"]["class_names"] == sorted(HOSTILE_NAMES)


def test_everything_has_a_name(pages: dict[str, Path], whole: ReportContents) -> None:
    page = Page(pages["whole"])
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        named = f"{attributes.get('aria-labelledby') or ''} {attributes.get('for') or ''}".split()
        assert set(named) <= set(ids)
        assert (attributes.get("href") or "data:")[:1] != "#" or (attributes["href"] or "")[1:] in ids
    assert all(one["alt"] for one in page.all("img"))
    assert len(page.all("svg")) == 2 + len(whole.criterion_curves)  # variance and sizes
    tables = len(page.all("table"))
    assert len(page.all("caption")) == tables
    assert all("scope" in one for one in page.all("th"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(next_level - level <= 1 for level, next_level in pairwise(levels))


def test_the_page_tells_what_there_is(pages: dict[str, Path]) -> None:
    text = " ".join(Page(pages["whole"]).text.split())
    for sentence in (
        "This model copies: 9.5% of its samples are copies of training photos (real photos of each",
        "Fitted on 64 photos of 2 classes (daisy 32 and rose 32) at 32 x 32 pixels; 16 photos held back",
        "chosen by held-out likelihood among 2 to 4.",
        "(raw pixels / contrast-normalised): 0.8% / 9.5%; among real photos 3.4% / 2.4%.",
        "7.04 bits per pixel",
        "copies 31% (real photos 2.4%)",
        "Held-out likelihood (decides)",
        "daisy: 32, rose: 32",
        "Held-back photos fall to",
        "Precision is not measured: too few photos.",
    ):
        assert sentence in text


def test_what_a_model_lacks_is_said_and_not_left_empty(pages: dict[str, Path]) -> None:
    page = Page(pages["bare"])
    text = " ".join(page.text.split())
    for sentence in (
        "Copies were not measured",
        "Nothing was measured.",
        "Samples were not compared with the training photos.",
        "This kind of model has no eigen-images.",
        "How much variance each direction explains is not recorded.",
        "One number of components was tried",
        "This kind of model has no components of whole images.",
        "There is nothing to compare the model’s expectations with.",  # noqa: RUF001
        "None: every file was used.",
        "does not tell with which options",
    ):
        assert sentence in text
    assert page.all("table") == [{"class": "facts"}], "the strengths, which every model has"
    assert "synthesis: 1.0, variation: 0.5" in text
    assert page.all("svg") == []
    assert len(page.all("img")) == 48 + 6 * 11


@pytest.mark.parametrize("n_written", [0, 1])
def test_a_write_that_fails_leaves_the_old_report(
    tmp_path: Path,
    whole: ReportContents,
    bare: ReportContents,
    monkeypatch: pytest.MonkeyPatch,
    n_written: int,
) -> None:
    write_report(tmp_path, whole)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"index.html", "report.json"}

    synced: list[int] = []

    def refuse(file: int) -> None:
        if len(synced) == n_written:
            raise OSError("no space left")
        synced.append(file)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", refuse)
        with pytest.raises(OSError, match="no space left"):
            write_report(tmp_path, bare)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    write_report(tmp_path, bare)
    assert (tmp_path / "index.html").read_bytes() != before["index.html"]


def test_a_file_is_no_folder(tmp_path: Path, bare: ReportContents) -> None:
    (tmp_path / "report").write_text("mine")
    with pytest.raises(ValueError, match=r"written into a folder\. Received: .*report"):
        write_report(tmp_path / "report", bare)
    assert (tmp_path / "report").read_text() == "mine"


def test_a_page_of_real_size_can_be_opened(tmp_path: Path, whole: ReportContents) -> None:
    # Images of pure noise do not get smaller: no report of as many images weighs more.
    noise = np.random.default_rng(0).integers(0, 256, (48, 128, 128), np.uint8)
    pairs = tuple(replace(pair, sample=noise[0], photo=noise[1]) for pair in whole.pairs)
    varied = np.broadcast_to(noise[:6, None], (6, 11, 128, 128))
    path = write_report(
        tmp_path,
        replace(
            whole, samples=noise, pairs=pairs, variations=varied, eigen_images=noise[:16], image_size=128
        ),
    )
    assert path.stat().st_size < 5_000_000


def test_importing_takes_no_extra_and_drawing_names_it() -> None:
    code = (
        "import sys; sys.modules.update(matplotlib=None, jinja2=None)\n"
        "from gmmaug_plugin.evaluation.report import charts, page\n"
        "for draw in (lambda: charts.explained_variance_chart('a', [1.0], 'b'), lambda: page.render(None)):\n"
        "    try:\n        draw()\n    except ImportError as error:\n        print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["matplotlib", "jinja2"]
    assert done.stdout.count('pip install "gmmaug-plugin[report]"') == 2
