r"""Keep the classes of a solve's answers: which of their keys are one answer.

`settle` decides on new keys once, when they come, and never moves one again: a later
merger of two classes would change counts that a stop rule has proved something from. A key
is compared with one representative of each class, by `equivalent` first and then by a
referee; what both leave undecided counts as different and is kept on record.

Keys that come together are taken in a fixed order, so that theirs does not matter, and a
class goes by its least member, whenever that came. Between keys that come one after another
the order matters only where sameness is not transitive (a decimal near two values) and
where a time-out was in play.
"""

import asyncio
from bisect import insort
from collections.abc import Iterable, Sequence
from fractions import Fraction
from time import monotonic
from typing import Any, Final, Protocol

from votebox.plugins.answers import Key, Policy, equivalent, key, show
from votebox.plugins.voting import VoteClass

__all__ = ["Classes", "Judged", "Recalled", "Referee"]

_PATIENCE_S: Final = 30.0  # the start of the judge, which can take ten on a busy machine, is in it
_MAX_COMPARED: Final = 64  # classes; more different answers are no vote to be saved


class Referee(Protocol):
    """Decide pairs that `equivalent` does not; `judge.Judge` is the real one."""

    async def same(self, a: str, b: str) -> bool | None:
        """Return whether two answers are equal as mathematics, None when undecided."""
        ...


class Classes:
    """Sort the keys of one solve into classes.

    `patience_s` is how long the referee is waited for in all. `undecided` holds the pairs
    of a new key and a representative that nobody decided.
    """

    def __init__(self, referee: Referee | None, patience_s: float = _PATIENCE_S) -> None:
        self.undecided: list[tuple[Key, Key]] = []
        self._referee, self._left_s = referee, patience_s
        self._classes: list[list[Key]] = []
        self._class_of: dict[Key, list[Key]] = {}

    def of(self, value: Key) -> Key:
        """Return the representative of a key's class, the key itself when it has none."""
        return self._class_of[value][0] if value in self._class_of else value

    async def settle(self, keys: Iterable[Key]) -> None:
        """Sort new keys into classes; known ones stay where they are.

        When cancelled, the keys not yet reached are sorted by exact rules alone.
        """
        new = sorted(set(keys).difference(self._class_of), key=_order)
        try:
            for value in new:
                found, open_ = self._exactly(value)
                if found is None and open_:
                    found = await self._asked(value, open_)
                self._enter(value, found)
        finally:
            for value in new:
                if value not in self._class_of:
                    self._enter(value, self._exactly(value)[0])

    def _exactly(self, value: Key) -> tuple[list[Key] | None, list[list[Key]]]:
        """Return the class exact rules find for a key, and those they cannot rule out."""
        open_ = []
        for members in self._classes[:_MAX_COMPARED]:
            if isinstance(value, Fraction) and isinstance(members[0], Fraction):
                continue  # equal ones are one key
            same = equivalent(show(value), show(members[0]))
            if same:
                return members, []
            if same is None:
                open_.append(members)
        return None, open_

    async def _asked(self, value: Key, open_: Sequence[list[Key]]) -> list[Key] | None:
        """Return the first class the referee finds for a key; note what stays undecided."""
        told: Sequence[bool | None] = [None] * len(open_)
        if self._referee is not None and self._left_s > 0:
            started = monotonic()
            asking = (self._referee.same(show(value), show(m[0])) for m in open_)
            try:
                async with asyncio.timeout(self._left_s):
                    told = await asyncio.gather(*asking)
            except TimeoutError:
                pass
            finally:
                self._left_s -= monotonic() - started
        found = next((m for m, same in zip(open_, told, strict=True) if same), None)
        if found is None:
            unsure = (m for m, same in zip(open_, told, strict=True) if same is None)
            self.undecided += [(value, m[0]) for m in unsure]
        return found

    def _enter(self, value: Key, members: list[Key] | None) -> None:
        if members is None:
            members = []
            self._classes.append(members)
        insort(members, value, key=_order)
        self._class_of[value] = members


class Judged:
    """Be a policy that admits the representative of what `policy` admits."""

    def __init__(self, policy: Policy, classes: Classes) -> None:
        self._policy, self._classes = policy, classes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def admit(self, canonical: Any) -> Key | None:
        """Return the value an answer votes for, None when it has no vote."""
        value = self._policy.admit(canonical)
        return None if value is None else self._classes.of(value)


class Recalled:
    """Be a referee that decides as a recorded vote did, and asks `referee` about the rest."""

    def __init__(self, votes: Sequence[VoteClass], policy: Policy, referee: Referee | None) -> None:
        self._referee = referee
        self._class: dict[str, int] = {}
        for number, vote in enumerate(votes):
            for member in vote.members:
                value = key(member.answer, policy)
                if value is not None:
                    self._class[show(value)] = number

    async def same(self, a: str, b: str) -> bool | None:
        """Return whether two answers were one class, None when nobody can tell."""
        if a in self._class and b in self._class:
            return self._class[a] == self._class[b]
        return None if self._referee is None else await self._referee.same(a, b)


def _order(value: Key) -> tuple[bool, Fraction, int, str]:
    """Return the place of a key: numbers by value, then texts by length."""
    number = isinstance(value, Fraction)
    text = show(value)
    return not number, Fraction(value) if number else Fraction(0), len(text), text
