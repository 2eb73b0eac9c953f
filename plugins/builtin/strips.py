"""Part thinking from the final text, in the five ways models call for.

`strip:tag` counts tags, `strip:api-field` trusts the engine, `strip:after-marker` looks for
a heading such as "Final answer", `strip:last-block-per-file` keeps the last version of each
file, `strip:keep-all` keeps everything. Unlike `strip:think-tags` they say whether the
thinking was cut off: a reply that never came to an answer must not be taken for one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from votebox.plugins import Completion, Register, Stripped, hookimpl
from votebox.plugins.edits import parse

_MOST_MARKER: Final = 80
_HEADING: Final = re.compile(r"[ \t>]*+(?P<deco>[#*_ \t]*+)(?P<words>[^\n]{1,80}+)\Z")

type Name = Annotated[str, Field(pattern=r"^[A-Za-z][\w-]{0,31}$")]
type Marker = Annotated[str, Field(min_length=1, max_length=_MOST_MARKER)]


@dataclass(frozen=True, slots=True)
class TagOptions:
    """Set the names of the tags, and whether the prompt has opened the first one already."""

    tags: Annotated[tuple[Name, ...], Field(min_length=1, max_length=8)] = (
        "think",
        "thinking",
        "reasoning",
    )
    prefilled: bool = False


@dataclass(frozen=True, slots=True)
class MarkerOptions:
    """Set the headings that begin the final text, in lower case."""

    markers: Annotated[tuple[Marker, ...], Field(min_length=1, max_length=32)] = (
        "answer",
        "final answer",
        "final code",
        "final implementation",
        "final solution",
        "final version",
        "solution",
    )


def tag(completion: Completion, options: TagOptions) -> Stripped:
    """Keep what stands outside of tags, counting their depth.

    A tag that closes what nothing opened was opened by the prompt: all before it is
    reasoning. What is still open at the end is thinking without an answer, and then
    nothing is content.
    """
    text = completion.text
    depth, name, at = int(options.prefilled), "", 0
    inside: list[str] = []
    outside: list[str] = []
    if options.prefilled and _opens_at_once(text, options):
        depth = 0
    for found in _tags(text, options):
        closing, here = bool(found[1]), found[2].lower()
        (inside if depth else outside).append(text[at : found.start()])
        at = found.end()
        if not depth and closing:
            inside += outside
            outside = []
        elif not depth or not name:
            depth, name = (depth - 1, "") if closing else (depth + 1, here)
        elif here == name:
            depth += -1 if closing else 1
    (inside if depth else outside).append(text[at:])
    thought = _joined(completion.reasoning, *inside)
    if depth:
        return Stripped(_joined(thought, *outside), "", truncated=True)
    return Stripped(thought, "".join(outside).strip())


def _tags(text: str, options: TagOptions) -> Iterator[re.Match[str]]:
    names = "|".join(re.escape(name) for name in options.tags)
    return re.finditer(rf"<(/?)({names})>", text, re.IGNORECASE)


def _opens_at_once(text: str, options: TagOptions) -> bool:
    first = next(_tags(text, options), None)
    return first is not None and not first[1] and not text[: first.start()].strip()


def api_field(completion: Completion, options: None = None) -> Stripped:
    """Keep the text the engine delivered apart from its reasoning."""
    text = completion.text.strip()
    return Stripped(completion.reasoning, text, not text and bool(completion.reasoning))


def after_marker(completion: Completion, options: MarkerOptions) -> Stripped:
    """Keep what follows the last heading that announces the final text.

    For models that think in plain prose. Without such a heading all is content, unless the
    reply was cut off by its length: then it never came so far.
    """
    text = completion.text
    place, start, stop = -1, 0, len(text.rstrip())
    for line in text.split("\n"):
        end = start + len(line) + 1
        if end < stop and len(line) <= 2 * _MOST_MARKER and _is_marker(line, options):
            place = start
        start = end
    if place >= 0:
        end = text.index("\n", place) + 1
        return Stripped(_joined(completion.reasoning, text[:place]), text[end:].strip())
    if completion.finish_reason == "length":
        return Stripped(_joined(completion.reasoning, text), "", truncated=True)
    return Stripped(completion.reasoning, text.strip())


def _is_marker(line: str, options: MarkerOptions) -> bool:
    """Return whether a line is a heading of its own: decorated, or with a colon at its end."""
    found = _HEADING.match(line.rstrip())
    if found is None:
        return False
    words = found["words"].rstrip("*_ \t")
    heading = bool(found["deco"].strip()) or words.endswith(":")
    bare = words.rstrip(":*_ \t").lower().removeprefix("the ")
    return heading and bare in options.markers


def last_block_per_file(completion: Completion, options: None = None) -> Stripped:
    """Keep the last fenced block of each file, and of each SEARCH text in it.

    For models that write a file again and again while they think. Blocks without a path
    are kept where no block has one, the last of them.
    """
    script = parse(completion.text, "whole")
    last: dict[tuple[str, tuple[str, ...]], str] = {}
    for op in script.ops:
        blocks = parse(op.raw, "diff").ops
        path = op.path or next((block.path for block in blocks), "")
        key = (path, blocks[0].old if blocks else ())
        last.pop(key, None)
        last[key] = f"{op.path}\n{op.raw}" if op.path else op.raw
    named = [block for (path, _), block in last.items() if path] or list(last.values())
    cut = completion.finish_reason == "length" and (
        not named or any(d.kind == "unclosed_fence" for d in script.diagnostics)
    )
    if cut:
        return Stripped(_joined(completion.reasoning, completion.text), "", truncated=True)
    kept = "\n\n".join(named) if named else completion.text.strip()
    return Stripped(_joined(completion.reasoning, completion.text if named else ""), kept)


def keep_all(completion: Completion, options: None = None) -> Stripped:
    """Keep the whole text, thinking and all."""
    return Stripped(completion.reasoning, completion.text)


def _joined(*parts: str) -> str:
    return "\n".join(part.strip() for part in parts if part.strip())


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the strippers."""
    register("strip:tag", tag, options=TagOptions)
    register("strip:api-field", api_field)
    register("strip:after-marker", after_marker, options=MarkerOptions)
    register("strip:last-block-per-file", last_block_per_file)
    register("strip:keep-all", keep_all)
