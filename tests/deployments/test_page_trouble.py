"""Give the live page what may go wrong: hostile texts, broken streams, refusals, false addresses."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from browser import BROWSER, DRIVER, MISSING, Browser, browser
from page_scripts import ATTACKS, Script, hostile, quick, recording
from page_stage import Stage, staged
from page_visit import Begin, Visit, visiting

from votebox.cluster.text import clean

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


def test_hostile_text_is_text(visit: Begin) -> None:
    recipe = {"description": ATTACKS[0], "chains": 3, "rounds": 1, "default": True}
    picture = '<svg xmlns="http://www.w3.org/2000/svg" onload="window.owned=1"><script>parent.owned=1</script><text>a</text></svg>'
    page = visit(hostile(), recipes=[{**recipe, "name": "bad", "svg": picture}])
    solve = page.ask(ATTACKS[0] + ATTACKS[1] + ATTACKS[5])
    page.ended()
    seen = page.see("#solve")
    for chain in range(len(ATTACKS)):
        page.window.run("document.querySelectorAll('.lane')[arguments[0]].click()", chain)
        page.wait(lambda chain=chain: page.see("dialog h2") == f"Chain {chain}")
        seen += page.see("dialog")
        page.window.run("document.querySelector('dialog').close()")
        page.wait(lambda: page.window.run("return location.hash") == f"#/solves/{solve}")
    assert ATTACKS[0] in seen
    assert "window.owned=1</script>" in seen
    assert not [sign for sign in "\x1b\u202e\u2066\u200b\x00" if sign in seen]
    assert page.window.run("return window.owned === undefined")
    assert page.count("#solve img, #solve script, #solve style, dialog img, dialog script") == 0
    assert page.count("script") == 1
    assert page.see("main") != ""
    assert page.window.run("return document.documentElement.scrollWidth") <= 1280
    page.window.run("location.hash = '#/'")
    page.wait(lambda: page.count(".past a") == 1)
    assert ATTACKS[0] in page.see(".past .asked")
    assert page.count("#past img") == 0


@pytest.mark.parametrize(
    "text",
    [
        *ATTACKS,
        "a\r\nb\tc\rd\u2028e\u2029f\ufeffg\u00adh\ue000i",
        "\x1b]8;;http://evil.test\x1b\\\\link\x1b]8;;\x07 rest",
        "\x9b31mred\x9d0;title\x9cafter",
        "unended \x1b]0;title and \x1b[1m more",
        "\U0001d53d \u0968 \u4e2d\u6587",
    ],
)
def test_texts_are_cleaned_as_the_command_line_does(
    visit: Begin, script: Script, text: str
) -> None:
    page = visit(script)
    cleaned = "const {clean} = await import('/page/text.js'); return clean(arguments[0])"
    given = page.window.run(f"return (async function() {{ {cleaned} }})(...arguments)", text)
    assert given == clean(text)


@pytest.mark.parametrize(
    "piece", ["\x1b[", "\x1b]", "\x1b", "\x9b0", "\x1b[0;", "```", " \n", "\u202e"]
)
def test_no_text_takes_long_to_clean(visit: Begin, script: Script, piece: str) -> None:
    page = visit(script)
    timed = (
        "const {clean, oneLine, tail} = await import('/page/text.js');"
        "const text = arguments[0].repeat(arguments[1]), began = performance.now();"
        "clean(text), oneLine(text), tail(text, 100); return performance.now() - began"
    )
    times = "return (async function() { " + timed + " })(...arguments)"
    assert page.window.run(times, piece, 200_000) < 2000


def test_nothing_leaves_the_origin_and_the_policy_is_never_hit(
    visit: Begin, script: Script
) -> None:
    page = visit(script)
    page.ask()
    page.ended()
    asked = [url for url in page.window.requests() if not url.startswith("data:image/svg+xml,")]
    assert asked
    assert [url for url in asked if not url.startswith(page.url)] == []
    assert page.window.errors() == []


def test_the_policy_stops_what_the_code_would_miss(visit: Begin, script: Script) -> None:
    page = visit(script)
    page.window.run(
        "document.body.insertAdjacentHTML('beforeend',"
        ' \'<img src=x onerror="window.owned=1"><p id=v style="color:rgb(1,2,3)">v</p>\')'
    )
    time.sleep(0.2)
    assert page.window.run("return window.owned === undefined")
    colour = page.window.run("return getComputedStyle(document.querySelector('#v')).color")
    assert colour != "rgb(1, 2, 3)"
    assert [e for e in page.window.errors() if "Content Security Policy" in e]


def test_a_broken_stream_is_taken_up_without_telling_anything_twice(
    visit: Begin, script: Script
) -> None:
    page = visit(script, break_at=len(script) // 2)
    solve = page.ask()
    page.wait(lambda: "The connection broke; trying again" in page.see(".broken"))
    page.ended()
    assert page.stage.solves[solve].followed_from == [-1, len(script) // 2 - 1]
    assert page.see(".broken") == ""
    page.window.click(".lane")
    written = "".join(
        event["text"]
        for _, event in script
        if event["type"] == "chain_text" and event["chain"] == 0
    )
    shown = page.wait(lambda: page.see("dialog .said-all"))
    for sentence in ("Let me count them.", "The program agrees"):
        assert shown.count(sentence) == written.count(sentence) == 1


def test_a_key_is_asked_for_and_kept_out_of_addresses(visit: Begin, script: Script) -> None:
    page = visit(script, key="sk-right")
    for key, told in (("sk-wrong", "wants a key"), ("sk-right", "does not know this key")):
        page.wait(lambda told=told: told in page.see("#notice"), told)
        page.window.run("document.querySelector('#key').value = arguments[0]", key)
        page.window.click("#notice button")
    page.ask()
    page.ended()
    assert page.see("#notice") == ""
    assert [url for url in page.window.requests() if "sk-" in url] == []
    assert "sk-" not in page.window.run("return location.href + document.cookie")


@pytest.mark.parametrize(
    ("refusal", "place", "told"),
    [
        ((400, {}, {"message": "chains = 0", "param": "chains"}), "#chains-error", "chains = 0"),
        ((400, {}, {"message": "seed = -1; give more"}), "#seed-error", "seed = -1; give more"),
        ((429, {"retry-after": "12"}, {"message": "full"}), "#form-error", "again in 12 seconds"),
        ((500, {}, {"message": ATTACKS[0]}), "#form-error", ATTACKS[0]),
    ],
)
def test_a_refusal_is_told_where_it_belongs(
    visit: Begin, script: Script, refusal: Any, place: str, told: str
) -> None:
    page = visit(script, refusal=refusal)
    page.wait(lambda: page.count(".card") > 0)
    page.window.run("document.querySelector('textarea').value = 'What is 1 + 1?'")
    page.window.click("button.primary")
    page.wait(lambda: told in page.see(place), told)
    if place != "#form-error":
        focused = page.window.run("return document.activeElement.getAttribute('aria-describedby')")
        assert place.removeprefix("#") in focused


def test_an_empty_question_is_not_sent(visit: Begin, script: Script) -> None:
    page = visit(script)
    page.wait(lambda: page.count(".card") > 0)
    page.window.click("button.primary")
    page.wait(lambda: page.see("#question-error") == "Write a question first.")
    assert page.stage.solves == {}


@pytest.mark.parametrize("place", ["#/solves/..%2f..%2fv1", "#/solves/%3Cimg%3E", "#/nowhere"])
def test_an_address_that_names_nothing_asks_for_nothing(
    visit: Begin, script: Script, place: str
) -> None:
    page = visit(script, f"/{place}")
    page.wait(lambda: "leads nowhere" in page.see("#notice"))
    assert [url for url in page.window.requests() if "/v1/solves/" in url] == []


def test_a_solve_nobody_knows_is_told_in_words(visit: Begin, script: Script) -> None:
    page = visit(script, "/#/solves/unknown-1")
    page.wait(lambda: "there is no solve 'unknown-1'" in page.see("#notice"))


def test_a_server_that_is_gone_is_told_in_words(window: Browser, script: Script) -> None:
    stage = Stage(script)
    with staged(stage) as url:
        window.open("about:blank")
        window.open(url)
        page = Visit(window, url, stage)
        page.wait(lambda: page.count(".card") > 0)
    window.run("document.querySelector('textarea').value = 'What is 1 + 1?'")
    window.click("button.primary")
    page.wait(lambda: "does not answer" in page.see("#form-error"))


def test_text_a_server_joined_meanwhile_is_not_written_twice(visit: Begin) -> None:
    """`at` counts characters as Python does: one beyond the basic plane is one."""
    said = {"type": "chain_text", "chain": 0, "node": "think", "round": 0, "tokens": 4}
    told = [
        {"type": "solve_started", "recipe": "vote", "chains": 1, "seed": 1, "models": []},
        {"type": "chain_started", "chain": 0, "label": "solve"},
        {**said, "text": "\U0001d53d is a fi", "at": 0},
        {**said, "text": "\U0001d53d is a field \U0001d53d", "at": 0},
        {**said, "text": "d \U0001d53d, so \U0001d53d", "at": 11},
        {**said, "text": " has an inverse.", "at": 20},
    ]
    page = visit([(0.0, event) for event in told] + [(0.0, told[0])], break_at=3, hold_at=len(told))
    page.ask()
    page.window.click(".lane")
    shown = page.wait(lambda: page.see("dialog .prose").endswith("inverse."), "the text")
    assert shown
    assert (
        page.see("dialog .prose")
        == "\U0001d53d is a field \U0001d53d, so \U0001d53d has an inverse."
    )
