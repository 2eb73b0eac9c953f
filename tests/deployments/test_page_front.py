"""Use the live page before the real front door: a Solver, a replay engine, real HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from browser import BROWSER, DRIVER, MISSING, Browser, browser
from front import backend
from page_stage import served
from page_visit import QUESTION, Visit, opened

from votebox.deployments.front import build_front
from votebox.deployments.front_args import FrontArgs
from votebox.deployments.keys import ENVIRONMENT, digest, new_key

pytestmark = pytest.mark.skipif(BROWSER is None or DRIVER is None, reason=MISSING)


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as shown:
        yield shown


class Door:
    """Stand before the front and cut the first stream of events.

    `cut_behind` is how many pieces of that stream are let through, None for all.
    """

    def __init__(self, app: Any, cut_behind: int | None = None) -> None:
        self._app, self._left = app, cut_behind
        self.cut = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")

        async def passed(message: Any) -> None:
            if path.endswith("/events") and self._left is not None:
                self._left -= 1
                if self._left < 0:
                    self._left, self.cut = None, True
                    raise ConnectionResetError
            await send(message)

        await self._app(scope, receive, passed)


@contextmanager
def front(
    window: Browser, *, pause_s: float = 0.01, cut_behind: int | None = None, **args: Any
) -> Iterator[tuple[Visit, Door]]:
    door = Door(build_front(backend(pause_s=pause_s), FrontArgs(**args)), cut_behind)
    with served(door) as url:
        yield opened(window, url), door


def test_a_question_is_answered_and_found_again(window: Browser) -> None:
    with front(window) as (page, _):
        solve = page.ask()
        page.ended()
        told = httpx.get(f"{page.url}/v1/solves/{solve}").json()
        verdict = told["verdict"]
        assert told["question"] == QUESTION
        assert page.see(".answer") == verdict["answer"] == "400"
        assert page.all(".votes tbody .said") == [vote["answer"] for vote in verdict["votes"]]
        ended = [chain["ended"] for chain in verdict["chains"]]
        assert page.all(".lane .word").count("stopped: vote decided") == ended.count("aborted") > 0
        window.click(".lane")
        thought = verdict["chains"][0]["completions"][0]["reasoning"]
        window.click(".said-all details summary")
        assert page.see(".said-all details .prose") == thought
        window.open(f"{page.url}/")
        page.wait(lambda: page.see(".past .said") == "400")
        window.click(".past a")
        page.ended()
        assert page.see(".kicker").startswith(f"Answer by {verdict['reason']}")
        assert window.errors() == []


def test_stop_ends_the_solve_on_the_server(window: Browser) -> None:
    with front(window, pause_s=1.0) as (page, _):
        solve = page.ask()
        page.wait(lambda: page.count(".lane.writing") > 0)
        window.click("#solve .buttons button")
        page.wait(lambda: page.see(".kicker") == "Stopped by you")
        assert httpx.get(f"{page.url}/v1/solves/{solve}").json()["status"] == "cancelled"
        page.wait(lambda: page.count(".lane.writing") == 0)
        window.open("about:blank")
        window.open(f"{page.url}/#/solves/{solve}")
        page.wait(lambda: page.see(".kicker") == "Stopped by you")


def test_what_the_server_refuses_is_told_at_the_field(window: Browser) -> None:
    with front(window) as (page, _):
        page.wait(lambda: page.count(".card") > 0)
        window.run("document.querySelector('textarea').value = 'What is 1 + 1?'")
        window.run("document.querySelector('[name=chains]').value = '0'")
        window.click("button.primary")
        page.wait(lambda: "chains = 0" in page.see("#chains-error"))
        assert page.window.run("return document.activeElement.name") == "chains"


def test_a_key_opens_the_page(window: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    monkeypatch.setenv(ENVIRONMENT, f"team={digest(key)}")
    with front(window) as (page, _):
        page.wait(lambda: "wants a key" in page.see("#notice"))
        window.run("document.querySelector('#key').value = arguments[0]", key)
        window.click("#notice button")
        page.ask()
        page.ended()
        assert page.see("#notice") == ""


def test_a_cut_stream_loses_and_repeats_nothing(window: Browser) -> None:
    """The server joins old pieces of text; what was read before the cut is not told again."""
    with front(window, pause_s=0.4, cut_behind=8) as (page, door):
        solve = page.ask()
        page.wait(lambda: door.cut, "a cut")
        page.ended()
        verdict = httpx.get(f"{page.url}/v1/solves/{solve}").json()["verdict"]
        for chain in verdict["chains"]:
            window.run("location.hash = arguments[0]", f"#/solves/{solve}/chains/{chain['index']}")
            page.wait(lambda n=chain["index"]: page.see("dialog h2") == f"Chain {n}")
            shown = _squeezed(
                page.window.run("return document.querySelector('.said-all').textContent")
            )
            written = "".join(_squeezed(reply["text"]) for reply in chain["completions"])
            for line in _lines(chain):
                assert shown.count(line) == written.count(line), (chain["index"], line)
            assert page.see("dialog .quiet").count(f"{chain['usage']['completion_tokens']:,} token")


def _lines(chain: Any) -> list[str]:
    """Return the lines of prose of a chain, without their spaces."""
    lines = "\n".join(reply["text"] for reply in chain["completions"]).split("\n")
    return [_squeezed(line) for line in lines if len(line) > 12 and not set("`\x1b(") & set(line)]


def _squeezed(text: str) -> str:
    return "".join(text.split())
