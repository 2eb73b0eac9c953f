"""Lay out an evaluation: which problems, how often, in which order, with which seeds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from votebox.cluster.datasets import Item
from votebox.cluster.errors import BadUsage
from votebox.plugins.seeds import derive_seed

__all__ = ["Shard", "Task", "lay_out", "read_shard"]

_SHARD: Final = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Take every `of`-th problem, from the `number`-th on; both count from 1."""

    number: int = 1
    of: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True, slots=True)
class Task:
    """Ask one problem once; `repeat` counts from 0."""

    item: Item
    repeat: int
    seed: int

    @property
    def key(self) -> tuple[str, int]:
        """Return what names its row in a run."""
        return self.item.id, self.repeat

    @property
    def facts(self) -> dict[str, Any]:
        """Return what its row holds whatever comes of it."""
        return {
            "id": self.item.id,
            "repeat": self.repeat,
            "question": self.item.question,
            "reference": self.item.reference,
            "seed": self.seed,
        }


def lay_out(
    items: Sequence[Item],
    *,
    seed: int,
    repeat: int = 1,
    limit: int | None = None,
    shard: Shard | None = None,
) -> list[Task]:
    """Return the tasks: of the first `limit` problems those of the shard, once after once.

    All problems are asked before any is repeated, so that an unfinished run is a fair one.
    A task's seed depends on `seed`, its problem's id and its repeat alone: not on the
    order, the shard or what runs beside it.
    """
    chosen = items[:limit]
    if shard is not None:
        chosen = chosen[shard.number - 1 :: shard.of]
    return [
        Task(item, number, derive_seed(seed, item.id, number))
        for number in range(repeat)
        for item in chosen
    ]


def read_shard(text: str) -> Shard:
    """Return the shard "i/n"; raise BadUsage where it is none.

    >>> read_shard("2/8")
    Shard(number=2, of=8)
    """
    found = _SHARD.fullmatch(text)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.of:
        raise BadUsage(f"--shard {text!r:.40} is none", "give i/n with i from 1 to n, as 2/8")
    return shard
