"""Watch a solve on the live page in a real browser: ask, see the vote, open a chain, come back."""

from collections.abc import Iterator

import pytest
from browser import BROWSER, DRIVER, MISSING, Browser, browser
from page_scripts import Script, middle, quick, recording
from page_visit import QUESTION, Begin, visiting

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


def test_a_question_leads_to_its_verdict(visit: Begin, script: Script) -> None:
    page = visit(script)
    page.ask()
    page.ended()
    assert page.see(".answer") == "400"
    verdict = script[-1][1]["verdict"]
    assert verdict["reason"] in page.see(".kicker")
    why = page.see(".why")
    ended = f"{verdict['finished']} of {verdict['planned']} chains had ended by themselves"
    assert f"Stopped by {verdict['stopped_by']} when {ended}" in why
    facts = dict(zip(page.all("dt"), page.all("dd"), strict=True))
    assert facts["Tokens"] == f"{verdict['usage']['completion_tokens']:,}"
    assert facts["Seed"] == "7"
    assert verdict["recipe_hash"] in facts["Recipe"]
    assert page.see("button") in ("Ask again", "")
    assert page.all(".votes tbody .said") == [vote["answer"] for vote in verdict["votes"]]
    linked = [text for row in verdict["votes"] for text in map(str, row["chains"])]
    assert page.all(".voters a") == linked


def test_a_change_of_files_is_shown_as_its_diff(visit: Begin, script: Script) -> None:
    diff = "--- a/app.py\n+++ b/app.py\n@@ -1 +1 @@\n-1\n+<b>2</b>\n"
    after_s, event = script[-1]
    verdict = {**event["verdict"], "answer": diff, "files": {"app.py": "<b>2</b>\n"}}
    page = visit([*script[:-1], (after_s, {**event, "verdict": verdict})])
    page.ask()
    page.ended()
    assert page.see(".answer") == "A change of app.py"
    assert page.see(".diff") == diff
    assert page.count(".diff b") == 0


def test_a_running_vote_shows_its_leader_its_need_and_who_is_at_work(
    visit: Begin, script: Script
) -> None:
    held = middle(script)
    page = visit(script, hold_at=held)
    page.ask()
    standing = script[held - 1][1]
    need = standing["need"]
    page.wait(lambda: f"{need} more agreeing vote" in page.see(".why"), "the need")
    assert page.see(".kicker") == "Leads"
    assert page.see(".answer") == standing["votes"][0][0]
    assert page.see(".tally").startswith(f"{standing['finished']} of 16 ended")
    assert page.see(".votes .leads") == "leads"
    assert "at work" in page.see(".tally")
    assert page.see("button:not([type=submit])") == "Stop"
    page.stage.go.set()
    page.ended()


def test_losers_are_marked_stopped_in_words(visit: Begin, script: Script) -> None:
    page = visit(script)
    page.ask()
    page.ended()
    aborted = [event["chain"] for _, event in script if event.get("ended") == "aborted"]
    assert aborted
    words = page.all(".lane .word")
    assert [n for n, word in enumerate(words) if word == "stopped: vote decided"] == sorted(aborted)
    assert page.count(".lane.writing") == page.count(".lane.running") == 0


def test_a_chain_opens_and_closes_by_keyboard_and_focus_returns(
    visit: Begin, script: Script
) -> None:
    page = visit(script)
    solve = page.ask()
    page.ended()
    page.window.run("document.querySelectorAll('.lane')[6].focus()")
    page.window.press("Enter")
    page.wait(lambda: page.see("dialog h2") == "Chain 6", "the chain")
    assert page.window.run("return location.hash") == f"#/solves/{solve}/chains/6"
    shown = page.see("dialog")
    assert "print(coutn)" in shown
    assert "NameError: name 'coutn' is not defined" in shown
    assert shown.index("print(coutn)") < shown.index("NameError") < shown.index("Once more")
    assert "```" not in shown
    page.window.press("\ue00c")  # Escape
    page.wait(lambda: page.see("dialog") == "", "the end of the dialog")
    page.wait(lambda: page.window.run("return location.hash") == f"#/solves/{solve}")
    assert page.window.run("return document.activeElement.innerText").startswith("#6")


def test_back_closes_a_chain_and_a_deep_link_opens_it(visit: Begin, script: Script) -> None:
    page = visit(script)
    solve = page.ask()
    page.ended()
    page.window.click(".lane")
    page.wait(lambda: page.see("dialog h2") == "Chain 0")
    page.window.run("history.back()")
    page.wait(lambda: page.see("dialog") == "")
    assert page.see(".answer") == "400"
    page.window.open("about:blank")
    page.window.open(f"{page.url}/#/solves/{solve}/chains/1")
    page.wait(lambda: page.see("dialog h2") == "Chain 1")
    page.wait(lambda: "400" in page.see("dialog .voted"))


def test_an_open_chain_follows_what_is_written(visit: Begin, script: Script) -> None:
    page = visit(script, hold_at=middle(script))
    page.ask()
    page.wait(lambda: page.count(".lane.writing") > 0)
    page.window.click(".lane.writing")
    before = page.wait(lambda: page.see("dialog .said-all"))
    page.stage.go.set()
    page.wait(lambda: page.see("dialog .said-all") not in ("", before), "more text")


def test_a_solve_can_be_stopped(visit: Begin, script: Script) -> None:
    page = visit(script, hold_at=middle(script))
    solve = page.ask()
    page.wait(lambda: page.see(".kicker") == "Leads")
    page.window.click("#solve .buttons button")
    page.wait(lambda: page.see(".kicker") == "Stopped by you")
    assert page.stage.solves[solve].status == "cancelled"
    assert page.count(".lane.writing") == 0
    assert "Ask again" in page.see("#solve .buttons")


def test_solves_are_found_again_after_a_reload(visit: Begin, script: Script) -> None:
    page = visit(script)
    page.wait(lambda: "Nothing has been asked yet" in page.see("#past"))
    page.ask()
    page.ended()
    page.window.open(f"{page.url}/")
    page.wait(lambda: page.count(".past a") == 1)
    assert page.see(".past .asked") == QUESTION
    assert page.see(".past .said") == "400"
    page.window.click(".past a")
    page.ended()
    assert page.see(".answer") == "400"


def test_a_running_solve_can_be_joined(visit: Begin, script: Script) -> None:
    page = visit(script, hold_at=middle(script))
    page.ask()
    page.window.open("about:blank")
    page.window.open(f"{page.url}/")
    page.wait(lambda: page.see(".past .running .quiet") == "runs")
    page.window.click(".past a")
    page.wait(lambda: page.see(".kicker") == "Leads")
    page.stage.go.set()
    page.ended()


def test_ask_again_brings_the_question_back(visit: Begin, script: Script) -> None:
    page = visit(script)
    page.ask()
    page.ended()
    page.window.click("#solve .buttons button:last-child")
    page.wait(lambda: page.see("#ask") != "")
    assert page.window.run("return document.querySelector('textarea').value") == QUESTION
