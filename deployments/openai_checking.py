"""Check a request against its schema and name the field that is wrong, as a dotted path."""

from collections.abc import Mapping, Sequence
from reprlib import Repr
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from votebox.deployments.openai_errors import ApiError, bad_field
from votebox.deployments.openai_schema import VoteboxOptions

__all__ = ["checked", "shown"]

SHOWN: Final = Repr(maxstring=80, maxlong=40, maxother=80)
"""Shows any JSON value in bounded time and length, however deep or long it is."""


def checked[T: BaseModel](
    schema: type[T], given: Mapping[str, Any], refusals: Mapping[str, str] | None = None
) -> T:
    """Return `given` as a `schema`.

    `refusals` says what to do instead, for the fields whose schema holds only the values
    that ask for nothing.

    Raises:
        ApiError: 400, naming the field and the value.
    """
    try:
        return schema.model_validate(given)
    except ValidationError as e:
        raise _complaint(e, given, refusals or {}) from e


def shown(value: object) -> str:
    """Return a JSON value as one would write it, cut to what fits a message."""
    named = {True: "true", False: "false", None: "null"}
    if value is None or isinstance(value, bool):
        return named[value]
    return SHOWN.repr(value)


def _complaint(
    error: ValidationError, given: Mapping[str, Any], refusals: Mapping[str, str]
) -> ApiError:
    """Return the error about the first wrong field, told as deep inside as it is known.

    A union reports each of its branches; the deepest complaint is that of the branch meant,
    and one about a value says more than one about its type.
    """
    errors = error.errors(include_url=False)
    first = errors[0]["loc"][:1]
    same = [one for one in errors if one["loc"][:1] == first]
    ranked = [(len(_path(one, given)), not one["type"].endswith("_type"), one) for one in same]
    worst = max(ranked, key=lambda one: one[:2])[2]
    path = _path(worst, given)
    param = ".".join(str(part)[:80] for part in path)
    for part in (*path[:1], *path[2:3]):  # a field, or one of a message in a list
        if str(part) in refusals:
            return bad_field(param, f"{param} = {shown(worst['input'])}: {refusals[str(part)]}")
    return bad_field(param, f"{param}: {_said(worst)}")


def _said(error: ErrorDetails) -> str:
    """Return what is wrong and, where it helps, the value."""
    match error["type"]:
        case "missing" | "union_tag_not_found":
            return "this field is required"
        case "extra_forbidden":  # only our own object forbids them
            return f"unknown key; known: {', '.join(VoteboxOptions.model_fields)}"
        case "union_tag_invalid":
            return f"give one of {error['ctx']['expected_tags']}, not {shown(error['ctx']['tag'])}"
        case "string_unicode":
            return "the text holds half of a surrogate pair, which is no Unicode text"
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}, not {shown(error['input'])}"


def _path(error: ErrorDetails, given: object) -> Sequence[str | int]:
    """Return where in `given` the error is, without the branches pydantic names on the way."""
    path: list[str | int] = []
    here: Any = given
    for part in error["loc"]:
        inside = isinstance(here, Mapping) and part in here
        if inside or (isinstance(here, list) and isinstance(part, int)):
            path.append(part)
            here = here[part]
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    if error["type"].startswith("union_tag"):
        path.append(str(error["ctx"]["discriminator"]).strip("'"))
    return path
