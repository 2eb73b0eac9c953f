"""Put a report into one HTML file: its own style, script and data, and no other's.

What the page says is the affair of report.py and edit_report.py.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from votebox.cluster.markup import Html, joined, tag
from votebox.cluster.text import one_line

__all__ = ["section", "whole_page"]

_DOCTYPE: Final = Html("<!doctype html>\n")
_STYLES: Final = ("certificate.css", "report.css")
_TITLE_CHARS: Final = 160


def whole_page(title: str, body: Iterable[Html], script: str) -> str:
    """Return a page of its parts; `script` is a file beside report_common.js."""
    code = _asset("report_common.js", script)
    run = tag("script", Html(code))
    page = tag("html", tag("head", *_meta(title, code)), tag("body", *body, run), lang="en")
    return joined((_DOCTYPE, page, "\n"))


def section(key: str, title: str, parts: Iterable[Html]) -> Html:
    """Return a section whose title has the id `key`, or nothing where it has no parts."""
    body = [part for part in parts if part]
    if not body:
        return Html()
    return tag("section", tag("h2", title, id=key), *body, aria_labelledby=key)


@cache
def _asset(*names: str) -> str:
    folder = files(__package__)
    return "\n".join(folder.joinpath(name).read_text("utf-8") for name in names)


def _meta(title: str, code: str) -> Iterator[Html]:
    """Yield the head; the policy allows the one style sheet and the one script, by hash."""
    style, script = (
        f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
        for text in (_asset(*_STYLES), code)
    )
    policy = (
        f"default-src 'none'; style-src {style}; script-src {script}; "
        "base-uri 'none'; form-action 'none'"
    )
    yield tag("meta", charset="utf-8")
    yield tag("meta", http_equiv="Content-Security-Policy", content=policy)
    yield tag("meta", name="viewport", content="width=device-width, initial-scale=1")
    yield tag("meta", name="color-scheme", content="light dark")
    yield tag("meta", name="referrer", content="no-referrer")
    yield tag("title", one_line(title, _TITLE_CHARS))
    yield tag("style", Html(_asset(*_STYLES)))
