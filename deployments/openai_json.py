"""Read and write JSON as it crosses the HTTP door: whatever arrives, whatever a model wrote."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from votebox.deployments.openai_errors import ApiError

__all__ = ["DONE", "read_json", "server_event", "write_json"]

DONE: Final = "data: [DONE]\n\n"
"""The event that ends a stream."""

ESCAPES: Final = re.compile(
    r"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(?P<lone>\\ud[89a-f][0-9a-f]{2})"
)
"""Escaped backslashes, whole surrogate pairs, and halves of them, in JSON written as ASCII."""


def read_json(content: bytes) -> dict[str, Any]:
    """Return the JSON object in a body; of a key given twice the last one counts.

    Raises:
        ApiError: 400; it is not JSON, nested too deeply, or not an object.
    """
    if not content.strip():
        raise ApiError(400, "the body is empty: send a JSON object")
    try:
        given = json.loads(content, parse_constant=_refuse)
    except RecursionError as e:
        raise ApiError(400, "the body is not JSON we read: it is nested too deeply") from e
    except ValueError as e:
        raise ApiError(400, f"the body is not JSON: {e}") from e
    if not isinstance(given, dict):
        raise ApiError(400, f"the body is a JSON {_kind(given)}, not an object")
    return given


def write_json(data: Any) -> str:
    """Return `data` as JSON in ASCII.

    Half of a surrogate pair, which strict readers refuse even as an escape, becomes U+FFFD.
    Raises ValueError for NaN and infinities, which JSON cannot say.
    """
    text = json.dumps(data, allow_nan=False)
    if "\\ud" not in text:
        return text
    return ESCAPES.sub(lambda found: "\\ufffd" if found["lone"] else found[0], text)


def server_event(data: Mapping[str, Any], name: str = "", number: int | None = None) -> str:
    """Return one server-sent event; `name` is its `event:` line, `number` its `id:` line."""
    named = f"event: {name}\n" if name else ""
    numbered = "" if number is None else f"id: {number}\n"
    return f"{numbered}{named}data: {write_json(data)}\n\n"


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _kind(value: object) -> str:
    names = {str: "string", bool: "boolean", list: "array", type(None): "null"}
    return names.get(type(value), "number")
