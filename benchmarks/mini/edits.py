"""Make seeded tiny edits of small Python files, each with its reply and a test.

Shapes, phrasings and words are data, in `edits.toml`; this file fills them and keeps training
and evaluation apart: identifiers and constants by hash, some shapes altogether. It knows
nothing of prompts, tokens or models.
"""

import functools
import hashlib
import random
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from votebox.plugins.edits import render

__all__ = ["Edit", "edit_families", "is_held_out", "make_edit"]

EDITS_PATH: Final = Path(__file__).with_name("edits.toml")
HELD_OUT_SHARE: Final = 10
"""One identifier and one constant in this many is kept for evaluation."""

OTHERS: Final = (7, 3)
"""How often a file holds none and one function beside the one to edit."""

MAX_DRAWS: Final = 10_000
OPERATORS: Final = {"+": "add", "-": "subtract", "*": "multiply"}
COMPARISONS: Final = ("<", "<=", ">", ">=", "==", "!=")
SLOT: Final = re.compile(r"\{(\w+)\}")
TOKEN: Final = re.compile(r"\w+|[-+*<>=!]+|[^\w\s]")
ARGUMENTS: Final = ("a", "b", "c", "xs")

type Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Edit:
    """Hold one task: a file, a request, the file as it shall be, and the reply.

    `reply` is in the edit format `whole`. `name` is the function's after the edit.
    """

    family: str
    shape: str
    path: str
    before: str
    after: str
    request: str
    reply: str
    name: str


@dataclass(frozen=True, slots=True)
class _Function:
    """Hold a shape and what fills its slots."""

    shape: str
    values: Values
    inserted: str = ""
    """Lines below the `def`, each with its newline."""

    @property
    def text(self) -> str:
        """The function's lines."""
        text = _filled(_tables()["shape"][self.shape]["text"].lstrip("\n"), self.values)
        head, _, body = text.partition("\n")
        return f"{head}\n{self.inserted}{body}"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.values["f"]


@functools.cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(EDITS_PATH.read_text(encoding="utf-8"))


@functools.cache
def edit_families() -> tuple[str, ...]:
    """Name the families, in the order of the file."""
    return tuple(_tables()["family"])


@functools.cache
def is_held_out(text: str) -> bool:
    """Say whether an identifier or constant is kept for evaluation; the same everywhere."""
    digest = hashlib.blake2b(f"edit:{text}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % HELD_OUT_SHARE == 0


def _filled(template: str, values: Values) -> str:
    """Replace each {slot}; a value may hold a slot, as {end} does."""
    text = SLOT.sub(lambda found: values[found[1]], template)
    return SLOT.sub(lambda found: values[found[1]], text)


@functools.cache
def _shapes(family: str, *, new: bool) -> tuple[str, ...]:
    """Name the shapes that can be asked for an edit of this family."""
    slots = _tables()["family"][family]["slots"]
    needed = set(slots) or ({"a"} if family == "guard" else {"f"})
    found = []
    for name, table in _tables()["shape"].items():
        if table.get("new", False) == new and needed & set(SLOT.findall(table["text"])):
            found.append(name)
    return tuple(found)


@dataclass(slots=True)
class _Drawer:
    """Draw words of one side of the split, none twice."""

    rng: random.Random
    evaluation: bool
    taken: set[str]

    def _fresh(self, draw: Callable[[], object]) -> str:
        for _ in range(MAX_DRAWS):
            text = str(draw())
            if text not in self.taken and is_held_out(text) == self.evaluation:
                self.taken.add(text)
                return text
        raise ValueError("no word is left on this side; add some to edits.toml")

    def noun(self) -> str:
        """Draw the name of an argument or a local."""
        return self._fresh(lambda: self.rng.choice(_tables()["words"]["nouns"]))

    def function(self) -> str:
        """Draw a function's name."""
        words = _tables()["words"]
        return self._fresh(
            lambda: f"{self.rng.choice(words['verbs'])}_{self.rng.choice(words['nouns'])}"
        )

    def number(self) -> str:
        """Draw a constant from 3 to 999, half of them below 50."""
        return self._fresh(lambda: self.rng.randint(3, self.rng.choice((49, 999))))

    def title(self) -> str:
        """Draw a word that a function says; both sides share them."""
        return self.rng.choice([w for w in _tables()["words"]["titles"] if w not in self.taken])


def _function(draw: _Drawer, shape: str) -> _Function:
    rng = draw.rng
    makers = {
        "f": draw.function,
        "k": draw.number,
        "m": draw.number,
        "d": draw.number,
        "w": draw.title,
        "op": lambda: rng.choice(list(OPERATORS)),
        "cmp": lambda: rng.choice(COMPARISONS),
        "lt": lambda: "<",
        "end": lambda: "{a}",
    }
    slots = dict.fromkeys(SLOT.findall(_tables()["shape"][shape]["text"]))
    return _Function(shape, {slot: makers.get(slot, draw.noun)() for slot in slots})


def _other(rng: random.Random, known: tuple[str, ...], old: str) -> str:
    return rng.choice([one for one in known if one != old])


def _new_value(draw: _Drawer, slot: str, old: str) -> str:
    if slot == "op":
        return _other(draw.rng, tuple(OPERATORS), old)
    if slot == "cmp":
        return _other(draw.rng, COMPARISONS, old)
    if slot == "w":
        return _other(draw.rng, tuple(_tables()["words"]["titles"]), old)
    if slot in ("end", "lt"):
        return {"{a}": "{a} + 1", "<": "<="}[old]
    if slot == "f":
        return draw.function()
    return draw.noun() if slot in ARGUMENTS else draw.number()


def _changed(draw: _Drawer, family: str, old: _Function) -> tuple[_Function, dict[str, str]]:
    """Change a function as the family does; give it with the words of the request."""
    rng, words = draw.rng, {"f": old.name, "a": old.values.get("a", "")}
    if family == "guard":
        state, test = rng.choice(list(_tables()["guard"].items()))
        limits = {"m": draw.number()}
        words |= {"k": draw.number(), "state": _filled(state, limits)}
        lines = f"    if {words['a']} {_filled(test, limits)}:\n        return {words['k']}\n"
        return replace(old, inserted=lines), words
    if family == "docstring":
        sentence = rng.choice(_tables()["family"][family]["docs"])
        words["doc"] = _filled(sentence, {"x": draw.noun(), "y": draw.noun()})
        return replace(old, inserted=f'    """{words["doc"]}"""\n'), words
    slots = [s for s in _tables()["family"][family]["slots"] if s in old.values]
    slot = rng.choice(slots)
    was, is_now = old.values[slot], _new_value(draw, slot, old.values[slot])
    words |= {"old": was, "new": is_now, "arg": old.values.get("b", words["a"])}
    if "xs" in old.values:
        words["arg"] = words["a"]
    if slot == "op":
        words |= {"verb": OPERATORS[is_now], "old_verb": OPERATORS[was]}
    return replace(old, values={**old.values, slot: is_now}), words


def _plain(family: str, old: _Function, slot_value: str) -> bool:
    """Say whether what changes stands once in the function, so that the request is clear."""
    return family == "rename-argument" or TOKEN.findall(old.text).count(slot_value) <= 1


def _edited(draw: _Drawer, family: str, *, new_shapes: bool) -> tuple[_Function, _Function, str]:
    """Draw a function, its edit and the request."""
    rng, shapes = draw.rng, _shapes(family, new=new_shapes)
    for _ in range(MAX_DRAWS):
        old = _function(draw, rng.choice(shapes))
        new, words = _changed(draw, family, old)
        if _plain(family, old, words.get("old", "")):
            ask = rng.choice(_tables()["family"][family]["ask"])
            return old, new, _filled(ask, words)
    raise ValueError(f"family {family!r} has no clear request; mend its shapes in edits.toml")


def make_edit(
    rng: random.Random,
    family: str | None = None,
    *,
    evaluation: bool = False,
    new_shapes: bool = False,
) -> Edit:
    """Make one edit, of a family drawn uniformly unless one is named.

    Training and evaluation share no identifier and no constant; `new_shapes` takes the shapes
    that are never trained on.
    """
    family = family or rng.choice(edit_families())
    draw = _Drawer(rng, evaluation, set())
    old, new, request = _edited(draw, family, new_shapes=new_shapes)
    shapes = [name for name, table in _tables()["shape"].items() if not table.get("new", False)]
    others = [
        _function(draw, rng.choice(shapes)).text for _ in range(rng.choices((0, 1), OTHERS)[0])
    ]
    place = rng.randint(0, len(others))
    path = f"{rng.choice(_tables()['words']['files'])}.py"
    before, after = (
        "\n\n".join([*others[:place], one.text, *others[place:]]) for one in (old, new)
    )
    reply = render({path: before}, {path: after}, "whole").removesuffix("\n")
    return Edit(family, old.shape, path, before, after, request, reply, new.name)
