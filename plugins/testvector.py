"""Decide by tests whether a solution is one, whatever the solution does about it.

The jail runs every expected test twice, each time in a process of its own, in an order only
we know: as it is, and with one assertion made false (`falsify.py`). A test is passed if the
original passes and the false copy does not. The results come over a stream that no process
which ran the solution has ever held (`jailtests.py`).
"""

import base64
import json
import marshal
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from votebox.plugins.exercises import Task
from votebox.plugins.falsify import falsified
from votebox.plugins.ports import SandboxPort
from votebox.plugins.testfile import TestCase, TestFile
from votebox.sandbox import Execution, Limits

__all__ = ["Outcome", "TestLimits", "TestResult", "TestVector", "run_tests"]

type Outcome = Literal["passed", "failed", "error", "skipped", "timeout", "forged", "missing"]
"""What became of one test.

passed   the original passes, the false copy does not
failed   an assertion did not hold
error    an exception, or the process ended without a result
skipped  the file itself may skip it, and did
timeout  it took longer than a test may
forged   it passes, and its false copy does, too
missing  it never ran: the time was up, or the channel broke
"""

type Result = Literal["passed", "failed", "timeout", "forged", "broken"]

_TAIL_BYTES: Final = 2048
_ANSWER_BYTES: Final = 600_000  # of all messages together; the sandbox keeps a MiB
_OUTCOMES: Final = ("passed", "failed", "error", "skipped")


@dataclass(frozen=True, slots=True)
class TestLimits:
    """Bound a run of tests.

    Attributes:
        total_s: seconds for all tests and their false copies.
        test_s: seconds for one.
        memory_mib, processes, scratch_mib: as in Limits.
    """

    __test__ = False

    total_s: float = 60.0
    test_s: float = 10.0
    memory_mib: int = 1024
    processes: int = 24
    scratch_mib: int = 64

    @property
    def program(self) -> Limits:
        """Return the limits of the whole program."""
        wall_s = self.total_s + 5.0  # it ends by itself; its own start and end take some
        return Limits(wall_s, wall_s, self.memory_mib, 1024, self.processes, self.scratch_mib)


@dataclass(frozen=True, slots=True)
class TestResult:
    """Tell what became of one test: its id, the outcome, its traceback and last output."""

    __test__ = False

    id: str
    outcome: Outcome
    message: str = ""
    printed: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TestVector:
    """Tell what became of all tests of a task.

    Attributes:
        expected: the ids the original test files declare, in their order.
        results: one for each of them, in the same order.
        seconds: the whole run, false copies included.
        digest: SHA-256 of the test files that were run.
        broken: why the channel gave no results, else empty.
    """

    __test__ = False

    expected: tuple[str, ...]
    results: tuple[TestResult, ...]
    seconds: float
    digest: str
    broken: str = ""
    tests: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ran(self) -> tuple[str, ...]:
        """Return the ids of the tests that ran."""
        return tuple(result.id for result in self.results if result.outcome != "missing")

    @property
    def outcome_by_id(self) -> dict[str, Outcome]:
        """Return the outcome of every expected test."""
        return {result.id: result.outcome for result in self.results}

    @property
    def passed_ids(self) -> tuple[str, ...]:
        """Return the ids of the tests passed; none where one was forged: a lie taints all."""
        if self.verdict == "forged":
            return ()
        return tuple(result.id for result in self.results if result.outcome == "passed")

    @property
    def verdict(self) -> Result:
        """Return the worst that happened; `passed` if every test ran and none failed."""
        if self.broken:
            return "broken"
        outcomes = set(self.outcome_by_id.values())
        if "forged" in outcomes:
            return "forged"
        if outcomes & {"timeout", "missing"}:
            return "timeout"
        good = self.ran == self.expected and outcomes <= {"passed", "skipped"}
        return "passed" if good and "passed" in outcomes else "failed"


@dataclass(frozen=True, slots=True)
class _Order:
    """Hold one process to come: which test, as it is or falsified, and its code."""

    file: TestFile
    case: TestCase
    false: bool
    code: str


async def run_tests(
    sandbox: SandboxPort,
    task: Task,
    files: Mapping[str, str],
    limits: TestLimits | None = None,
    seed: int | None = None,
) -> TestVector:
    """Return what the original tests say about `files`, which replace those of the task.

    Args:
        sandbox: the jail; without one nothing is run.
        task: the exercise.
        files: text by path; a path of a test file, or one the task does not have, is ignored.
        limits: the defaults of TestLimits unless given.
        seed: of order and falsification, for a run to repeat; by default nobody knows it.

    Raises:
        SandboxError: we failed; what the solution did is in the TestVector.
    """
    limits = limits or TestLimits()
    chance = random.Random(secrets.randbits(128) if seed is None else seed)  # noqa: S311
    orders = _orders(task, chance)
    nonce = secrets.token_hex(16)
    workspace = {**task.readonly, **task.files}
    workspace |= {name: text for name, text in files.items() if name in workspace}
    stdin = _stdin(orders, workspace, limits, nonce)
    execution = await sandbox.run(_program(), limits.program, stdin=stdin)
    answers = _answers(execution, nonce)
    broken = "" if answers is not None else _why(execution)
    results = _results(task, orders, answers or [])
    return TestVector(
        tuple(result.id for result in results),
        results,
        execution.wall_s,
        task.digest,
        broken,
        task.tests,
    )


def _orders(task: Task, chance: random.Random) -> list[_Order]:
    """Return every test and its false copy, shuffled."""
    orders = [
        _Order(file, case, false, _packed(file, case, chance, false=false))
        for file in task.test_files
        for case in file.cases
        for false in (False, True)
    ]
    chance.shuffle(orders)
    return orders


def _packed(file: TestFile, case: TestCase, chance: random.Random, *, false: bool) -> str:
    tree = falsified(file, case, chance) if false else file.alone(case)
    code = compile(tree, file.path, "exec", dont_inherit=True)
    test = {"module": file.module, "class": case.name, "method": case.method, "code": code}
    return base64.b64encode(marshal.dumps(test)).decode("ascii")


def _stdin(
    orders: Sequence[_Order], files: Mapping[str, str], limits: TestLimits, nonce: str
) -> str:
    header = {
        "files": dict(files),
        "sizes": [len(order.code) for order in orders],
        "test_s": limits.test_s,
        "total_s": limits.total_s,
        "tail": min(_TAIL_BYTES, _ANSWER_BYTES // (4 * len(orders))),
        "message": min(2 * _TAIL_BYTES, _ANSWER_BYTES // (2 * len(orders))),
    }
    return json.dumps(header) + "\n" + "".join(order.code for order in orders) + nonce


@cache
def _program() -> str:
    return Path(__file__).with_name("jailtests.py").read_text(encoding="utf-8")


def _answers(execution: Execution, nonce: str) -> list[dict[str, Any]] | None:
    """Return what the parent in the jail wrote, or None where that is not whole."""
    said, _, rest = execution.stdout.partition(" ")
    if not execution.ok or execution.truncated or not secrets.compare_digest(said, nonce):
        return None
    answers: list[dict[str, Any]] = json.loads(rest)
    return answers


def _why(execution: Execution) -> str:
    signal = f" by signal {execution.signal}" if execution.signal is not None else ""
    last = execution.stderr.strip().rpartition("\n")[2][-300:]
    return f"the run gave no results: {execution.status}{signal}" + (f": {last}" if last else "")


def _results(
    task: Task, orders: Sequence[_Order], answers: Sequence[dict[str, Any]]
) -> tuple[TestResult, ...]:
    found = {
        (order.file.path, order.case.id, order.false): answer
        for order, answer in zip(orders, answers, strict=False)
    }
    several = len(task.test_files) > 1
    return tuple(
        _result(
            f"{file.module}.{case.id}" if several else case.id,
            case,
            found.get((file.path, case.id, False)),
            found.get((file.path, case.id, True)),
        )
        for file in task.test_files
        for case in file.cases
    )


def _result(
    name: str, case: TestCase, true: dict[str, Any] | None, false: dict[str, Any] | None
) -> TestResult:
    """Return what a test and its false copy together say."""
    if true is None:
        return TestResult(name, "missing")
    outcome, message = _told(true, case)
    if outcome == "passed" and false is None:
        return TestResult(name, "missing")
    if outcome == "passed" and false is not None and _told(false, case)[0] == "passed":
        outcome, message = "forged", "it passes, but so does a copy of it that is false"
    return TestResult(name, outcome, message, true["tail"], true["seconds"])


def _told(answer: dict[str, Any], case: TestCase) -> tuple[Outcome, str]:
    """Return outcome and message of one process; its report is not to be trusted."""
    if answer["late"]:
        return "timeout", f"it did not end within {answer['seconds']:.0f} s"
    try:
        report = json.loads(answer["report"])
        outcome, message = report["outcome"], report["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "error", f"the process ended without a result ({_end(answer['status'])})"
    if outcome not in _OUTCOMES or not isinstance(message, str):
        return "error", "the process ended with a result that makes no sense"
    if outcome == "skipped" and not case.skippable:
        return "error", "the solution skipped the test"
    return outcome, message


def _end(status: int) -> str:
    return f"exit {status}" if status >= 0 else f"signal {-status}"
