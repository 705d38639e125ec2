"""The page in a real browser: it works, alone, for everybody, in both schemes and at both widths."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium in PATH")

SCHEMES = ("light", "dark")
LOOKS = [("whole", "light", 360), ("whole", "dark", 1200), ("hostile", "light", 360), ("bare", "dark", 1200)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        # Inside a container Chromium often runs as root, where it has no sandbox; the page is our own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page, and what it did besides being shown."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)


@pytest.fixture
def look(browser: Any, pages: dict[str, Path]) -> Iterator[Any]:
    contexts = []

    def look(name: str, *, width: int = 1200, scheme: str = "light", **options: Any) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, **options
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("console", lambda message: opened.said.append(message.text))
        opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
        opened.page.on("request", lambda request: opened.asked_for.append(request.url))
        opened.page.goto(pages[name].as_uri())
        return opened

    yield look
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("name", "scheme", "width"), LOOKS)
def test_it_is_accessible_whole_and_alone(look: Any, name: str, scheme: str, width: int) -> None:
    opened = look(name, width=width, scheme=scheme)
    pictures = opened.run("[...document.images].map(one => one.complete && one.naturalWidth > 0)")
    assert pictures
    assert all(pictures)
    assert opened.run("document.documentElement.scrollWidth <= innerWidth")
    # Everything that can be opened is looked at as well.
    opened.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    opened.run((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = opened.run("axe.run(document, {resultTypes: ['violations']})")
    assert len(found["passes"]) > 20
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    assert opened.run("document.documentElement.scrollWidth <= innerWidth")
    assert opened.said == []
    own = opened.asked_for.pop(0)
    assert own.startswith("file://")
    assert [url for url in opened.asked_for if not url.startswith("data:")] == []
    assert opened.run("document.title").endswith(": report")


def test_both_schemes_have_their_colors_in_charts_as_well(look: Any) -> None:
    colors = {}
    for scheme in ("light", "dark"):
        opened = look("whole", scheme=scheme)
        colors[scheme] = opened.run(
            "[getComputedStyle(document.body).backgroundColor,"
            "...['svg text', 'svg .series-1 circle', 'svg .series-2 circle']"
            ".map(one => getComputedStyle(document.querySelector(one)).fill)]"
        )
    for light, dark in zip(colors["light"], colors["dark"], strict=True):
        assert light != dark


def test_the_keyboard_skips_to_the_report(look: Any) -> None:
    opened = look("whole", width=360)
    opened.page.keyboard.press("Tab")
    link = opened.page.locator(":focus")
    assert link.inner_text() == "Skip to the report"
    assert link.bounding_box()["x"] >= 0
    assert opened.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    opened.page.keyboard.press("Enter")
    assert opened.run("document.activeElement.id") == "main"


def test_hostile_names_run_nothing(look: Any) -> None:
    opened = look("hostile")
    assert opened.run("document.scripts.length") == 0
    # Were a script to slip in all the same, the page's own policy would not let it run.
    opened.run(
        "document.body.append(Object.assign(document.createElement('script'),"
        "{textContent: 'document.title = \"owned\"'}))"
    )
    assert opened.page.title() != "owned"
    assert any("Content Security Policy" in said for said in opened.said)
