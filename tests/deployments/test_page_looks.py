"""Look at the live page as those do who read on a phone, in the dark, or by ear."""

from collections.abc import Iterator

import pytest
from browser import BROWSER, DRIVER, MISSING, Browser, browser
from page_scripts import Script, middle, quick, recording
from page_visit import Begin, contrast, visiting

pytestmark = pytest.mark.skipif(BROWSER is None or DRIVER is None, reason=MISSING)


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as shown:
        yield shown


@pytest.fixture
def visit(window: Browser) -> Iterator[Begin]:
    with visiting(window) as begin:
        yield begin


@pytest.fixture(scope="module")
def script() -> Script:
    return quick(recording())


@pytest.mark.parametrize("width", [360, 390])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    visit: Begin, script: Script, width: int
) -> None:
    page = visit(script)
    page.window.size(width, 780, phone=True)
    page.wait(lambda: page.count(".card") > 0)
    page.window.run("document.querySelector('details').open = true")
    wide = "return document.documentElement.scrollWidth"
    assert page.window.run(wide) == width
    page.ask()
    page.ended()
    assert page.window.run(wide) == width
    page.window.click(".lane")
    page.wait(lambda: page.see("dialog h2") == "Chain 0")
    assert page.window.run("return document.querySelector('dialog').scrollWidth") <= width
    small = "return [...document.querySelectorAll('button, summary, .card, input[type=number], textarea')].filter(e => e.checkVisibility() && e.offsetHeight < 44).map(e => e.outerHTML.slice(0, 80))"
    assert page.window.run(small) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_it_needs(visit: Begin, script: Script, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1, against the ground each text stands on."""
    page = visit(script, hold_at=middle(script))
    page.window.colours(scheme)
    page.wait(lambda: page.count(".card") > 0)
    found = page.colours()
    page.ask()
    page.wait(lambda: page.see(".kicker") == "Leads")
    found += page.colours()
    page.stage.go.set()
    page.ended()
    found += page.colours()
    page.window.click(".lane")
    page.wait(lambda: page.see("dialog h2") == "Chain 0")
    found += page.colours()
    assert len(found) > 60
    assert [pair for pair in found if contrast(pair[0], pair[1]) < 4.5] == []


def test_the_page_is_outlined_for_those_who_hear_it(visit: Begin, script: Script) -> None:
    page = visit(script)
    page.ask()
    page.ended()
    assert page.count("main") == page.count("header") == page.count("footer") == 1
    assert page.count("h1:not(#ask h1)") == 1
    assert page.window.run("return document.documentElement.lang") == "en"
    unnamed = "return [...document.querySelectorAll('button, a, input, textarea, img, svg')].filter(e => !(e.innerText || e.textContent || e.ariaLabel || e.alt || e.labels?.length || e.getAttribute('aria-labelledby'))).map(e => e.outerHTML)"
    assert page.window.run(unnamed) == []
    page.wait(lambda: "400" in page.all("#live")[0])
    twice = "const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.length - new Set(ids).size"
    assert page.window.run(twice) == 0
    assert page.see("noscript") == ""


def test_a_touch_or_a_click_finds_what_it_aims_at(visit: Begin, script: Script) -> None:
    """WCAG 2.2, 2.5.8: the numbers of chains are links of at least 24 pixels."""
    page = visit(script)
    page.ask()
    page.ended()
    small = "return [...document.querySelectorAll('.voters a')].filter(e => e.offsetWidth < 24 || e.offsetHeight < 24).length"
    for width, phone in ((1280, False), (800, False), (360, True)):
        page.window.size(width, 800, phone=phone)
        assert page.count(".voters a") > 3
        assert page.window.run(small) == 0


def test_nothing_moves_for_those_who_ask_for_stillness(visit: Begin, script: Script) -> None:
    page = visit(script, hold_at=middle(script))
    page.ask()
    page.wait(lambda: page.count(".lane.writing") > 0)
    moves = "return getComputedStyle(document.querySelector('.writing .sign')).animationName"
    slides = "return getComputedStyle(document.querySelector('.track .fill')).transitionProperty"
    assert page.window.run(moves) == "breathe"
    assert page.window.run(slides) == "width"
    still = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.window.devtools("Emulation.setEmulatedMedia", features=still)
    assert page.window.run(moves) == "none"
    assert page.window.run(slides) != "width"


def test_a_screen_reader_is_told_how_it_stands_and_not_every_vote(
    visit: Begin, script: Script
) -> None:
    page = visit(script)
    page.window.run(
        "window.said = []; new MutationObserver(() => said.push(document.querySelector('#live').innerText))"
        ".observe(document.querySelector('#live'), {childList: true, characterData: true, subtree: true})"
    )
    page.ask()
    page.ended()
    page.wait(lambda: page.window.run("return said.at(-1)?.startsWith('Answer by')"))
    votes = sum(event["type"] == "vote_changed" for _, event in script)
    assert 1 <= len(page.window.run("return said")) <= 3 < votes


def test_control_and_enter_send_the_question(visit: Begin, script: Script) -> None:
    page = visit(script)
    page.wait(lambda: page.count(".card") > 0)
    page.window.run("document.querySelector('textarea').value = 'What is 1 + 1?'")
    stroke = "{key: 'Enter', ctrlKey: true, bubbles: true}"
    page.window.run(
        f"document.querySelector('textarea').dispatchEvent(new KeyboardEvent('keydown', {stroke}))"
    )
    page.ended()
    (live,) = page.stage.solves.values()
    assert live.body == {"question": "What is 1 + 1?", "recipe": "vote", "background": True}
