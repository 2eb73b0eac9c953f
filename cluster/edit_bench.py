"""Check the ground of the editing benchmark: references must pass, untouched stubs must not."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from votebox.cluster.text import one_line
from votebox.plugins import SandboxPort, Task, TestLimits, TestVector, run_tests

__all__ = ["Baseline", "baselines", "baselines_table", "baselines_to_json"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Hold what the tests say about one exercise when nothing is done, and of its reference."""

    id: str
    stub: TestVector
    reference: TestVector

    @property
    def sound(self) -> bool:
        """Tell whether the reference passes every test and the stub fails the exercise."""
        return self.reference.verdict == "passed" and self.stub.verdict in ("failed", "timeout")

    @property
    def fault(self) -> str:
        """Return what is wrong with the exercise, or nothing."""
        if self.reference.verdict != "passed":
            return f"the reference is {self.reference.verdict}: {_first(self.reference)}"
        if self.stub.verdict == "passed":
            return "the untouched stub passes: doing nothing would count as solving it"
        return "" if self.sound else f"the stub is {self.stub.verdict}: {_first(self.stub)}"


def _first(vector: TestVector) -> str:
    bad = [r for r in vector.results if r.outcome not in ("passed", "skipped")]
    if vector.broken or not bad:
        return vector.broken
    last = bad[0].message.strip().rpartition("\n")[2]
    return f"{bad[0].id}: {bad[0].outcome} ({one_line(last, 120)})"


async def baselines(
    sandbox: SandboxPort,
    tasks: Sequence[Task],
    limits: TestLimits,
    told: Callable[[Baseline], None] = lambda _: None,
) -> tuple[Baseline, ...]:
    """Return both baselines of every task, in their order; `told` hears of each as it ends."""

    async def check(task: Task) -> Baseline:
        stub, reference = await asyncio.gather(
            run_tests(sandbox, task, {}, limits),
            run_tests(sandbox, task, task.example, limits),
        )
        found = Baseline(task.id, stub, reference)
        told(found)
        return found

    return tuple(await asyncio.gather(*map(check, tasks)))


def baselines_table(found: Sequence[Baseline]) -> Table:
    """Return a table for a terminal: one row an exercise, and a last one of all."""
    table = Table(box=None, pad_edge=False)
    for name in ("exercise", "tests", "do nothing", "reference", "seconds", ""):
        table.add_column(name, justify="right" if name not in ("exercise", "") else "left")
    for one in found:
        table.add_row(
            Text(one_line(one.id, 40)),
            str(len(one.reference.expected)),
            str(len(one.stub.passed_ids)),
            str(len(one.reference.passed_ids)),
            f"{one.stub.seconds + one.reference.seconds:.1f}",
            Text(one_line(one.fault, 200), style="bold red"),
        )
    table.add_section()
    table.add_row(
        f"{sum(one.sound for one in found)} of {len(found)} sound",
        str(sum(len(one.reference.expected) for one in found)),
        str(sum(len(one.stub.passed_ids) for one in found)),
        str(sum(len(one.reference.passed_ids) for one in found)),
        f"{sum(one.stub.seconds + one.reference.seconds for one in found):.1f}",
        "",
    )
    return table


def baselines_to_json(found: Sequence[Baseline]) -> dict[str, Any]:
    """Return the same as plain values, with the outcome of every test."""
    return {
        "sound": all(one.sound for one in found),
        "exercises": [
            {
                "id": one.id,
                "sound": one.sound,
                "fault": one.fault,
                "tests_sha256": one.reference.digest,
                "do_nothing": _vector(one.stub),
                "reference": _vector(one.reference),
            }
            for one in found
        ],
    }


def _vector(vector: TestVector) -> dict[str, Any]:
    return {
        "verdict": vector.verdict,
        "expected": len(vector.expected),
        "ran": len(vector.ran),
        "passed": len(vector.passed_ids),
        "seconds": round(vector.seconds, 3),
        "outcomes": dict(vector.outcome_by_id),
    }
