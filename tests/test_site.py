"""Build the documentation's site, strictly, and look through it as a browser without a network."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import votebox.plugins

ROOT = Path(__file__).parents[1]
LOADED = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}
"""What a browser fetches by itself, by the attribute that names it."""
UNFETCHED_LINKS = {"canonical", "next", "prev"}


class Page(HTMLParser):
    """Collect what a page would fetch, and its pictures without a description."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.undescribed: list[str] = []
        self.classes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.classes |= set((given.get("class") or "").split())
        if tag == "img" and not given.get("alt"):
            self.undescribed.append(given.get("src") or "")
        if tag == "link" and given.get("rel") in UNFETCHED_LINKS:
            return
        if target := given.get(LOADED.get(tag, "")):
            self.fetched.append(target)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    built = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def pages(site: Path) -> dict[str, Page]:
    return {str(p.relative_to(site)): Page(p.read_text()) for p in site.rglob("*.html")}


def test_a_page_fetches_nothing_from_elsewhere(site: Path) -> None:
    foreign = {
        name: [t for t in page.fetched if t.startswith(("http:", "https:", "//"))]
        for name, page in pages(site).items()
    }
    assert not {name: found for name, found in foreign.items() if found}


def test_a_style_fetches_nothing_from_elsewhere(site: Path) -> None:
    away = re.compile(r"""(?:url\(|@import)\s*+["']?(?:https?:)?//[^)"']*+""")
    assert not [
        (s.name, away.findall(s.read_text()))
        for s in site.rglob("*.css")
        if away.search(s.read_text())
    ]


def test_no_page_makes_the_theme_fetch_mermaid_from_its_host(site: Path) -> None:
    assert not [name for name, page in pages(site).items() if "mermaid" in page.classes]


def test_every_picture_says_what_it_shows(site: Path) -> None:
    assert not [(n, page.undescribed) for n, page in pages(site).items() if page.undescribed]


def test_the_python_reference_holds_every_public_name(site: Path) -> None:
    text = (site / "reference/plugins.html").read_text()
    assert not [
        name
        for name in votebox.plugins.__all__
        if f'id="votebox.plugins.{name}"' not in text
        and f'id="votebox.plugins.{name}.{name}"' not in text
    ]


def test_a_doctest_is_shown_as_code(site: Path) -> None:
    assert "language-pycon" in (site / "reference/plugins.html").read_text()


def test_the_search_index_knows_the_pages(site: Path) -> None:
    text = (site / "search/search_index.json").read_text()
    assert all(f'"{page}.html"' in text for page in ("hooks", "changelog", "reference/plugins"))
