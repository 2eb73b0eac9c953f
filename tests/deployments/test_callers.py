"""What a dead caller asked for ends; what others asked for goes on."""

import asyncio
from collections.abc import Collection

import pytest

from votebox.deployments.callers import Callers


class Roll:
    """Say who is missing; remember who was looked for."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.asked: list[set[str]] = []
        self.broken = False

    def __call__(self, names: Collection[str]) -> set[str]:
        self.asked.append(set(names))
        if self.broken:
            raise RuntimeError("Ray's head is away")
        return self.dead & set(names)


async def work(callers: Callers, caller: str) -> None:
    with callers.working_for(caller):
        await asyncio.sleep(60)


async def test_work_for_a_caller_that_died_is_cancelled_and_no_other() -> None:
    roll = Roll()
    callers = Callers(roll, look_s=0.01)
    tasks = {name: asyncio.create_task(work(callers, name)) for name in ("a", "b", "")}
    more = asyncio.create_task(work(callers, "a"))
    roll.dead = {"a", ""}
    done, going_on = await asyncio.wait({*tasks.values(), more}, timeout=0.5)
    assert done == {tasks["a"], more}
    assert all(task.cancelled() for task in done)
    assert all("" not in names for names in roll.asked)
    for task in going_on:
        task.cancel()


async def test_nobody_is_ended_while_nobody_can_say_who_lives() -> None:
    roll = Roll()
    roll.dead, roll.broken = {"a"}, True
    callers = Callers(roll, look_s=0.01)
    task = asyncio.create_task(work(callers, "a"))
    await asyncio.sleep(0.1)
    assert not task.done()
    assert len(roll.asked) > 1
    roll.broken = False
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


async def test_nobody_is_looked_for_once_all_work_has_ended() -> None:
    roll = Roll()
    callers = Callers(roll, look_s=0.01)
    with callers.working_for("a"):
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.05)
    looked = len(roll.asked)
    assert looked
    await asyncio.sleep(0.05)
    assert len(roll.asked) == looked
    with callers.working_for("b"):
        await asyncio.sleep(0.05)
    assert {"b"} in roll.asked
