"""Run the conformance kit: two child processes at work, ended and replaced when they hang.

They have other hash seeds and make the calls in opposite order, so that what depends on
either gives two results.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from types import ModuleType
from typing import Any, Final

from votebox.plugins.errors import PluginError
from votebox.plugins.testing_finding import Finding

__all__ = ["check_plugin"]

_START_S: Final = 120.0
_MOST_ENDED: Final = 5
_WAIT: Final = 10.0  # seconds on the clock for each of processor time
_LEAST_WAIT_S: Final = 5.0
_MOST_WAITS: Final = 8
_RECIPE_WAIT_S: Final = 120.0
_VALUES: Final = re.compile(r"'[^']*+'|[-\d.e+]++|\([^()]*+\)|\[[^\[\]]*+\]")


def check_plugin(target: str | ModuleType, *, limit_s: float = 1.0) -> list[Finding]:
    """Return what is wrong with a plugin, an empty list where it conforms.

    `target` is one thing (`vote:majority`), an entry point or a distribution, for all it
    registers and its recipes, or a module that is not installed yet. Each call may take
    `limit_s` seconds of processor time; one that hangs is ended. Each rule is reported once
    for each thing, with the first input that broke it.

    Raises:
        PluginError: no such plugin is registered, or a module has no file.
    """
    job = _job(target, limit_s)
    runs = [_Run(job, seed, reversed=seed == 2) for seed in (1, 2)]
    try:
        _watch(runs)
    finally:
        for run in runs:
            run.stop()
    return _once([*runs[0].findings, *runs[1].findings, *_differences(*runs)])


def _differences(first: "_Run", second: "_Run") -> Iterator[Finding]:
    for number in sorted(first.digests.keys() & second.digests.keys()):
        if first.digests[number] != second.digests[number]:
            owner, given = first.begun[number]
            problem = "gave another result in a process of another hash seed and order of calls"
            fix = "decide by the arguments alone, without random or the order of a set"
            yield Finding(owner, "deterministic", problem, given, fix)


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """Return the first finding of each thing and rule, problems told apart by their words."""
    kept: dict[tuple[str, str, str], Finding] = {}
    for found in findings:
        words = _VALUES.sub("", found.problem)
        kept.setdefault((found.plugin, found.rule, words), found)
    return list(kept.values())


def _job(target: str | ModuleType, limit_s: float) -> dict[str, Any]:
    if not limit_s > 0:
        raise PluginError("testing", f"limit_s={limit_s!r} is no time", "give seconds above 0")
    module = ""
    if isinstance(target, ModuleType):
        module, target = getattr(target, "__file__", None) or "", target.__name__
        if not module:
            raise PluginError(target, "is a module without a file", "give an importable module")
        if target == "__main__":  # run anew in each process, it would start the kit again
            problem = "is the script that runs, which the kit would start anew in each process"
            raise PluginError(target, problem, "import the plugin from a module of its own")
    return {"target": target, "module": module, "limit_s": limit_s, "path": sys.path}


@dataclass(slots=True)
class _Run:
    """Hold one child and what it told; replace it behind a call that hangs.

    What `hung` on one text is asked about no other.
    """

    job: dict[str, Any]
    seed: int
    reversed: bool
    findings: list[Finding] = field(default_factory=list)
    digests: dict[int, str] = field(default_factory=dict)
    begun: dict[int, tuple[str, str]] = field(default_factory=dict)
    hung: set[str] = field(default_factory=set)
    finished: bool = False
    ended: int = 0
    current: int | None = None
    due: float = 0.0
    cpu_s: float = 0.0
    waits: int = 0
    process: subprocess.Popen[bytes] | None = None
    pipe: int = -1
    rest: bytes = b""

    def start(self) -> None:
        reading, writing = os.pipe()
        job = {
            **self.job,
            "reversed": self.reversed,
            "skip": sorted(self.begun),
            "hung": sorted(self.hung),
            "events_fd": writing,
        }
        environment = {**os.environ, "PYTHONHASHSEED": str(self.seed), "VOTEBOX_TRACE_HOOKS": "0"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "votebox.plugins.testing_child", json.dumps(job)],
            pass_fds=[writing],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(writing)
        self.pipe, self.rest, self.current = reading, b"", None
        self.due, self.cpu_s, self.waits = time.monotonic() + _START_S, 0.0, 0

    def stop(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):  # what a plugin has started goes with it
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            os.close(self.pipe)
            self.process = None

    def read(self) -> None:
        """Take what the child told; at the end of its pipe it is gone."""
        block = os.read(self.pipe, 65536)
        *lines, self.rest = (self.rest + block).split(b"\n")
        for line in lines:
            self.take(json.loads(line))
        if not block and not self.finished:
            self.lose("ends the process", "let the call return; never exit")

    def take(self, event: dict[str, Any]) -> None:
        if "missing" in event:
            raise PluginError(self.job["target"], "is not registered", event["missing"])
        if "finding" in event:
            self.findings.append(Finding(*event["finding"]))
        elif "begin" in event:
            self.current = event["begin"]
            self.begun[self.current] = event["owner"], event["given"]
            self.cpu_s, self.waits = event["cpu_s"], 0
            wait_s = max(_LEAST_WAIT_S, _WAIT * self.job["limit_s"])
            is_recipe = event["owner"].startswith("recipe:")
            self.due = time.monotonic() + (_RECIPE_WAIT_S if is_recipe else wait_s)
        elif "done" in event:
            owner, given = self.begun[event["done"]]
            if event["digest"]:
                self.digests[event["done"]] = event["digest"]
            self.findings += [Finding(owner, r, p, given, fix) for r, p, fix in event["faults"]]
        else:
            self.finished = True

    def wait_or_lose(self) -> None:
        """End a call that is late by its own work; on a busy machine it gets more time."""
        self.waits += 1
        limit_s = max(_LEAST_WAIT_S, _WAIT * self.job["limit_s"])
        worked_s = _cpu_s(self.process) - self.cpu_s
        if worked_s < limit_s / 2 and self.waits < _MOST_WAITS:
            self.due = time.monotonic() + limit_s
        else:
            self.lose("takes longer than it may, and was ended", "make it linear in the text")

    def lose(self, problem: str, fix: str) -> None:
        """End a child that hangs or is gone; go on behind its call, not without end."""
        self.stop()
        if self.current is None:
            problem = f"{problem} while it loads"
            self.findings.append(
                Finding(self.job["target"], "load", problem, fix="let its import and hooks return")
            )
            self.finished = True
            return
        owner, given = self.begun[self.current]
        rule = "time" if "takes" in problem else "raises"
        if rule == "time":  # on the next text it would mostly hang as well
            self.hung.add(owner)
        self.findings.append(Finding(owner, rule, problem, given, fix))
        self.ended += 1
        self.finished = self.ended >= _MOST_ENDED
        if not self.finished:
            self.start()


def _cpu_s(process: "subprocess.Popen[bytes] | None") -> float:
    """Return the processor time of a child, from the fields utime and stime of proc(5)."""
    if process is None:
        return 0.0
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _watch(runs: list[_Run]) -> None:
    for run in runs:
        run.start()
    while open_ := [run for run in runs if not run.finished]:
        left_s = min(run.due for run in open_) - time.monotonic()
        ready, _, _ = select([run.pipe for run in open_], [], [], max(0.0, left_s))
        for run in open_:
            if run.pipe in ready:
                run.read()
            elif run.due < time.monotonic():
                run.wait_or_lose()
