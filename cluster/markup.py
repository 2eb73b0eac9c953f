"""Build HTML that is escaped by construction: text in, `Html` out.

`tag` takes children that are `Html` as they are, and everything else as text, cleaned and
escaped. So text of a model becomes markup only where somebody wraps it in `Html` by hand,
which nothing outside this module does.
"""

from collections.abc import Iterable
from html import escape
from typing import Final

from votebox.cluster.text import clean

__all__ = ["Html", "joined", "tag"]

_VOID: Final = frozenset({"meta"})


class Html(str):
    """Mark text as HTML that needs no escaping."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    r"""Return an element; a trailing `_` of an attribute is dropped, other `_` become `-`.

    Attributes that are None or False are left out, those that are True have no value.

    >>> tag("td", "1 < 2\x1b[2J", class_="answer", colspan=None)
    '<td class="answer">1 &lt; 2</td>'
    """
    pairs = (_pair(key, value) for key, value in attributes.items())
    start = f"<{name}{''.join(pairs)}>"
    return Html(start if name in _VOID else f"{start}{joined(children)}</{name}>")


def joined(children: Iterable[object], between: str = "") -> Html:
    """Return children in a row, each one that is no Html as text."""
    return Html(between.join(c if isinstance(c, Html) else _text(str(c)) for c in children))


def _pair(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{_text(str(value))}"'


def _text(value: str) -> str:
    return escape(clean(value))
