"""The files of a report: whole, the same every time, and safe whatever names they hold."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin.evaluation import Measure, Measurements
from gmmaug_plugin.evaluation.report import write_report
from gmmaug_plugin.evaluation.report.writing import verdict
from gmmaug_plugin.fit_record import FitRecord
from gmmaug_plugin.photos import PhotoSet, printable
from gmmaug_plugin.pool import Pool

from .conftest import HOSTILE_NAMES, HOSTILE_TEXT

VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """Elements, attributes and text of a page whose elements are all closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = ""  # without scripts and styles
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
            self.text += f"{data} "

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_same_arguments_give_the_same_bytes(
    pages: dict[str, Path], write_whole_report: Callable[[Path], Path], tmp_path: Path
) -> None:
    again = write_whole_report(tmp_path / "deep" / "again")
    for name in ("index.html", "report.json"):
        assert (again.parent / name).read_bytes() == (pages["whole"].parent / name).read_bytes()


def test_the_page_shows_every_part(pages: dict[str, Path]) -> None:
    page = Page(pages["whole"])
    text = " ".join(page.text.split())
    numbers = json.loads((pages["whole"].parent / "report.json").read_bytes())
    n_copies = sum(one["ratio"] < 1 for one in numbers["nearest"])
    assert 2 <= n_copies < 20
    for sentence in (
        "40 images of 32 x 32 pixels, drawn from 40 photos",
        "As photos in 1 of 2 measures, and unlike photos in the others: Contrast.",
        "Copies, raw pixels 0.8 % 3.4 %",
        f"copies: {n_copies} of these 40",
        "✗ copy daisy: 0.",
        "Taken: bandwidth 0.2: nearest",
        "bandwidth 0.2 60.2 20",
        "3 by AIC",
        "9 36.00 9.00",
        "daisy 20 20 3",
        "Class rose is small.",
        "a.jpg (broken image)",
        "a [1, 2]",
    ):
        assert sentence in text
    assert text.count("Measured on few.") == 1
    names = [one["alt"] for one in page.all("img")]
    assert "Principal image 3 of class daisy" in names
    sources = [one["src"] for one in page.all("img")]
    assert sources[0] == sources[1]  # the two photos in the pool are nearest, each beside itself
    assert sources[2] == sources[3]
    assert sources[4] != sources[5]


def test_charts_place_their_points(pages: dict[str, Path]) -> None:
    """One chart, of two criteria for three numbers of components; malformed ones are left out."""
    page = Page(pages["whole"])
    assert len(page.all("svg")) == 1
    dots = [(float(one["cx"] or 0), float(one["cy"] or 0)) for one in page.all("circle")]
    assert len(dots) == 6
    for curve, line in zip((dots[:3], dots[3:]), page.all("polyline"), strict=True):
        assert max(y for _, y in curve) == 228.0  # the lowest value of a criterion lies on the axis
        assert [x for x, _ in curve] == sorted(x for x, _ in curve)
        assert [f"{x},{y}" for x, y in curve] == (line["points"] or "").split()


def test_absent_parts_are_named(pages: dict[str, Path]) -> None:
    text = Page(pages["bare"]).text
    for sentence in ("Nothing was measured", "not compared", "No option was"):
        assert sentence in text
    assert "Principal images" not in text


@pytest.mark.parametrize(
    ("model", "options", "refused"),
    [
        ("local", {"allow_copies": False}, True),
        ("pca", {"allow_copies": False, "recipe": None}, True),
        ("local", {"allow_copies": True}, False),
        ("pca", {"allow_copies": False, "recipe": "seed"}, False),
        ("", {}, False),
    ],
)
def test_refused_copies_are_claimed_only_where_the_fit_refused_them(
    model: str, options: dict[str, object], refused: bool, tmp_path: Path
) -> None:
    images = np.zeros((2, 16, 16), np.uint8)
    pool = Pool(images, record=FitRecord(model=model, options=options))
    text = Page(write_report(tmp_path, pool, PhotoSet(images))).text
    assert ("refused and drawn again" in text) is refused


def test_the_figures_are_complete_and_finite(pages: dict[str, Path]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = (pages["whole"].parent / "report.json").read_text(encoding="ascii")
    numbers = json.loads(text, parse_constant=refuse)
    assert list(numbers) == sorted(numbers)
    assert numbers["measurements"]["measures"][1]["value"] == 40.0
    assert numbers["measurements"]["measures"][2]["real"] is None  # not a number
    assert numbers["record"]["choices"]["local"]["candidates"][1]["distance"] == 60.25
    assert numbers["pool"] == {
        "n_images": 40,
        "image_size": 32,
        "channels": 1,
        "class_names": ["daisy", "rose"],
    }
    ratios = [one["ratio"] for one in numbers["nearest"]]
    assert ratios == sorted(ratios)
    assert {one["image"] for one in numbers["nearest"][:2]} == {0, 1}
    assert numbers["skipped"] == ["a.jpg (broken image)"]


def test_hostile_names_stay_text(pages: dict[str, Path]) -> None:
    page = Page(pages["hostile"])
    assert page.all("script") == []
    assert all((one["src"] or "").startswith("data:image/") for one in page.all("img"))
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    for name in HOSTILE_NAMES:
        assert printable(name) in page.text
    assert "\u202e" not in page.text
    assert "{{ 7 * 7 }}" in page.text
    numbers = json.loads((pages["hostile"].parent / "report.json").read_bytes())
    assert numbers["pool"]["class_names"] == list(HOSTILE_NAMES)
    assert numbers["notes"] == [HOSTILE_TEXT]


@pytest.mark.parametrize(
    ("goods", "tone", "sentence"),
    [
        ({"copies_raw": False, "recall": False}, "bad", "The pool copies photos. About copies_raw."),
        ({"copies_raw": True, "recall": True}, "good", "In 2 measures"),
        (
            {"copies_raw": True, "recall": False},
            "open",
            "1 of 2 measures, and unlike photos in the others: R",
        ),
        ({"recall": None}, "open", "Nothing was measured"),
    ],
)
def test_the_verdict_names_copies_first(goods: dict[str, bool | None], tone: str, sentence: str) -> None:
    measures = [
        Measure(name, name.title(), 9.0, 1.0, "%", good, f"About {name}.", "") for name, good in goods.items()
    ]
    found = verdict(Measurements(tuple(measures), 5))
    assert found[0] == tone
    assert sentence in found[1]


def test_a_failed_write_leaves_the_old_report(
    pages: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.html").write_text("old page")
    (tmp_path / "report.json").write_text("old numbers")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    images = np.zeros((2, 16, 16), np.uint8)
    with pytest.raises(OSError, match="disk full"):
        write_report(tmp_path, Pool(images), PhotoSet(images))
    assert (tmp_path / "index.html").read_text() == "old page"
    assert (tmp_path / "report.json").read_text() == "old numbers"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("")
    images = np.zeros((2, 16, 16), np.uint8)
    with pytest.raises(ValueError, match=r"Received: .*report', which is a file"):
        write_report(tmp_path / "report", Pool(images), PhotoSet(images))
