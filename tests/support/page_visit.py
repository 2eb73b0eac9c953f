"""Be a person at the live page: type, click, read, and see its colours."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from browser import Browser
from page_scripts import Script
from page_stage import Stage, staged

QUESTION = "How many n at most 1000 have n^2 + 1 divisible by 5?"
_PATIENCE_S = 60  # a busy machine starts threads late


class Visit:
    """Be a person at the page: type, click, read."""

    def __init__(self, window: Browser, url: str, stage: Stage) -> None:
        self.window, self.url, self.stage = window, url, stage

    def see(self, selector: str) -> str:
        """Return the text of the first element that fits, "" where it is not shown."""
        script = "const e = document.querySelector(arguments[0]); return e && e.checkVisibility() ? e.innerText : ''"
        return str(self.window.run(script, selector))

    def all(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)"
        return list(self.window.run(script, selector))

    def count(self, selector: str) -> int:
        return int(
            self.window.run("return document.querySelectorAll(arguments[0]).length", selector)
        )

    def wait(self, met: Callable[[], Any], what: str = "") -> Any:
        """Wait until something is so; fail with what is shown if it never is."""
        end = time.monotonic() + _PATIENCE_S
        while not (value := met()):
            assert time.monotonic() < end, f"{what or met}: {self.see('main')[:2000]}"
            time.sleep(0.02)
        return value

    def ask(self, question: str = QUESTION) -> str:
        """Ask by keyboard; return the id of the solve once its page is shown."""
        self.wait(lambda: self.count(".card") > 0, "recipes")
        self.window.run("document.querySelector('textarea').focus()")
        self.window.run("document.querySelector('textarea').value = arguments[0]", question)
        self.window.click("button.primary")
        self.wait(lambda: self.see("#solve .question") not in ("", "…"), "the solve")
        return str(self.window.run("return location.hash")).removeprefix("#/solves/")

    def ended(self) -> None:
        self.wait(lambda: self.see(".kicker").startswith(("Answer", "Abstained")), "a verdict")

    def colours(self) -> list[list[str]]:
        """Return (ink, ground, element) of every text that is shown."""
        return list(self.window.run(_PAIRS))


Begin = Callable[..., Visit]


@contextmanager
def visiting(window: Browser) -> Iterator[Begin]:
    """Give what opens the page of a stage in a light window of a desktop."""
    with ExitStack() as stack:

        def begin(script: Script, path: str = "/", **changes: Any) -> Visit:
            stage = Stage(script, **changes)
            url = stack.enter_context(staged(stage))
            return opened(window, url, stage, path)

        yield begin


def opened(window: Browser, url: str, stage: Any = None, path: str = "/") -> Visit:
    """Open the page at `url`; what came before is forgotten."""
    window.open("about:blank")
    window.size(1280, 900)
    window.colours("light")
    window.errors(), window.requests()
    window.open(url + path)
    return Visit(window, url, stage)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2.2 defines it, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


_PAIRS = """
const ground = (e) => {
  for (; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (!colour.endsWith(', 0)')) return colour;
  }
  return getComputedStyle(document.documentElement).backgroundColor;
};
return [...document.querySelectorAll('body *')]
  .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
  .map((e) => [e.namespaceURI.endsWith('svg') ? getComputedStyle(e).fill : getComputedStyle(e).color,
    ground(e), e.outerHTML.slice(0, 120)]);
"""
