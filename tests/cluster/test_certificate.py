"""Load the certificate in a real browser: silent, inert, keyboard, colours, phone, paper."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import BROWSER, DRIVER, MISSING, Browser, browser
from solved import HOSTILE, QUESTION, solved

from votebox.cluster.certificate import certificate
from votebox.plugins import Trace, TraceStore

pytestmark = pytest.mark.skipif(BROWSER is None or DRIVER is None, reason=MISSING)

LIGHT, DARK = "rgb(253, 253, 251)", "rgb(22, 24, 26)"


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """Solve with forty chains, a question and replies that try to be markup."""
    store = TraceStore(str(tmp_path_factory.mktemp("traces")))
    all_of_them = {"stop:fhpc": "stop:never", "dispatch:need-driven": "dispatch:all"}
    asyncio.run(solved(store, text=f"{QUESTION} {HOSTILE}", pause_s=0.001, changes=all_of_them))
    return store.find("latest")


@pytest.fixture(scope="module")
def shown() -> Iterator[Browser]:
    with browser() as window:
        yield window


@pytest.fixture
def page(shown: Browser, trace: Trace, tmp_path: Path) -> Browser:
    """Show the page anew in a light window of a desktop; what came before is forgotten."""
    path = tmp_path / "certificate.html"
    path.write_text(certificate(trace), "utf-8")
    shown.size(1280, 900)
    shown.colours("light")
    shown.errors(), shown.requests()
    shown.open(path.as_uri())
    return shown


def test_the_page_asks_for_nothing_and_the_console_is_silent(page: Browser) -> None:
    assert [url.rpartition("/")[2] for url in page.requests()] == ["certificate.html"]
    assert page.errors() == []


def test_hostile_text_is_text(page: Browser, trace: Trace) -> None:
    assert page.run("return document.title").startswith("400: How many")
    assert page.run("return document.querySelectorAll('script,img,iframe,[onload]').length") == 0
    assert page.run("return document.querySelectorAll('style').length") == 1
    assert page.run("return document.querySelectorAll('.chain').length") == 40
    question = page.run("return document.querySelector('.question').innerText")
    assert "<script>document.title='owned'</script><img src=http://evil.test/x" in question
    assert "\x1b" not in question


def test_the_policy_stops_what_escaping_would_miss(
    shown: Browser, trace: Trace, tmp_path: Path
) -> None:
    """Put real markup into the page: no script, style, picture or form of it may work."""
    path = tmp_path / "attacked.html"
    attack = (
        "<script>document.title='owned'</script><style>main{display:none}</style>"
        "<img src='http://127.0.0.1:9/x' onerror=\"document.title='owned'\">"
        "<p id=victim style='color:rgb(1,2,3)'>x</p></body>"
    )
    path.write_text(certificate(trace).replace("</body>", attack), "utf-8")
    shown.errors()
    shown.open(path.as_uri())
    assert shown.run("return document.title") != "owned"
    assert shown.run("return getComputedStyle(document.querySelector('main')).display") == "block"
    colour = "return getComputedStyle(document.querySelector('#victim')).color"
    assert shown.run(colour) != "rgb(1, 2, 3)"
    blocked = [e for e in shown.errors() if "Content Security Policy" in e]
    assert len(blocked) >= 4


def test_the_keyboard_opens_a_chain_and_closes_it(page: Browser) -> None:
    page.run("document.querySelector('.chain summary').focus()")
    first = "return document.querySelector('.chain').open"
    page.press("Enter")
    assert page.run(first) is True
    page.press("Space")
    assert page.run(first) is False
    page.press("Tab")
    text = page.run("return document.activeElement.innerText")
    assert text.startswith("#1")
    outline = "return getComputedStyle(document.activeElement).outlineWidth"
    assert page.run(outline) == "3px"


def test_a_chain_of_the_vote_table_leads_to_the_open_chain(page: Browser) -> None:
    page.click("tbody .chains a")
    assert page.run("return document.querySelector('.chain').open") is True
    assert page.run("return location.hash") == "#chain-0"


@pytest.mark.parametrize(("scheme", "paper"), [("light", LIGHT), ("dark", DARK)])
def test_colours_follow_the_reader_and_can_be_read(page: Browser, scheme: str, paper: str) -> None:
    """All text has the contrast of 4.5 to 1 that WCAG 2.2 asks for (1.4.3)."""
    page.colours(scheme)
    ground = "return getComputedStyle(document.documentElement).backgroundColor"
    assert page.run(ground) == paper
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    colours = page.run(
        "return [...new Set([...document.querySelectorAll('body *')].map(e =>"
        " getComputedStyle(e).color))]"
    )
    card = page.run("return getComputedStyle(document.querySelector('pre')).backgroundColor")
    assert len(colours) > 4
    faint = [(c, g) for c in colours for g in (paper, card) if _contrast(c, g) < 4.5]
    assert faint == []


def test_a_phone_shows_the_page_without_scrolling_sideways(page: Browser) -> None:
    page.size(390, 844, phone=True)
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.run("return document.documentElement.scrollWidth") == 390
    small = page.run(
        "return [...document.querySelectorAll('summary')].filter(e => e.offsetHeight < 24).length"
    )
    assert small == 0  # WCAG 2.2, 2.5.8: what is touched is at least 24 pixels high


def test_the_printed_page_holds_the_bars_and_a_few_sheets(page: Browser) -> None:
    pdf = page.printed()
    assert pdf.startswith(b"%PDF-")
    assert 1 <= pdf.count(b"/Type /Page\n") <= 8
    assert page.run("return document.querySelectorAll('.bar rect.fill').length") == 3


def test_the_page_is_outlined_for_those_who_hear_it(page: Browser) -> None:
    levels = page.run("return [...document.querySelectorAll('h1,h2,h3')].map(e => e.tagName)")
    assert levels.count("H1") == 1
    assert levels[0] == "H1"
    assert page.run("return document.documentElement.lang") == "en"
    names = page.run(
        "return [...document.querySelectorAll('section')].map(e =>"
        " document.getElementById(e.getAttribute('aria-labelledby')).innerText)"
    )
    assert names == ["The vote", "Programs behind the answer", "All chains", "Where it comes from"]
    unnamed = page.run(
        "return [...document.querySelectorAll('svg')].filter(e => !e.getAttribute('aria-label')).length"
    )
    assert unnamed == 0
    assert page.run("return document.querySelectorAll('th:not([scope])').length") == 0
    twice = page.run(
        "const ids = [...document.querySelectorAll('[id]')].map(e => e.id);"
        "return ids.length - new Set(ids).size"
    )
    assert twice == 0


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2.2 defines it, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
