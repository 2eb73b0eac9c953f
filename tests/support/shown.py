"""Look at a page of a report in a browser: wait, read colours, catch what it saves."""

import time
from collections.abc import Sequence
from typing import Any

from browser import Browser

CAUGHT = (
    "URL.createObjectURL = blob => { blob.text().then(t => window.saved = t); return 'blob:x' };"
    "HTMLAnchorElement.prototype.click = function () { window.named = this.download };"
)


def until(page: Browser, script: str) -> Any:
    """Wait until a script returns something true; return it."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if found := page.run(script):
            return found
        time.sleep(0.05)
    raise AssertionError(script)


def colours(page: Browser) -> list[str]:
    """Return the colours of all text, each once."""
    return page.run(
        "return [...new Set([...document.querySelectorAll('body *')].map(e =>"
        " getComputedStyle(e).color))]"
    )


def faint(page: Browser, grounds: Sequence[str]) -> list[tuple[str, str]]:
    """Return colours and the grounds on which they have less than the contrast of WCAG 2.2 AA."""
    return [(c, g) for c in colours(page) for g in grounds if _contrast(c, g) < 4.5]


def _contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2.2 defines it, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
