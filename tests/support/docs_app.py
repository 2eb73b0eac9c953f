"""Serve the documents' app: the real front door, solver and jail, and a model of sums.

The model knows sums of two numbers (`+`, `*`, "product", "% of"), so that a command in a
document gets the answer it speaks of. On the example problems, which evaluations ask, one
chain in three is off by one. It writes a program and boxes what that printed.
"""

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from front import front_door
from pages import App

from votebox.cluster import state
from votebox.deployments.backend import LocalBackend
from votebox.plugins import Prompt, Recorded, Registry, ReplayEngine, Solver, TraceStore
from votebox.sandbox import Sandbox

NUMBERS = re.compile(r"\d++")


def reply(prompt: Prompt) -> Recorded:
    """Answer as votebox-mini does: a program first, then the box."""
    last = prompt.messages[-1].content
    if "```output" in last:
        text = f"The program prints it: \\boxed{{{NUMBERS.findall(last)[-1]}}}"
    else:
        text = f"Let me compute.\n```python\nprint({_sum(prompt)})\n```"
    return Recorded(text, "", "stop", len(text) // 3, 40, 0.002)


def _sum(prompt: Prompt) -> str:
    asked = next(m.content for m in prompt.messages if m.role == "user")
    for problem, answer in known().items():
        if problem in asked:
            return answer if (prompt.seed or 0) % 3 else f"{answer} + 1"
    a, b, *_ = [*NUMBERS.findall(asked), "0", "0"]
    if "% of" in asked:
        return f"{a} * {b} // 100"
    return f"{a} * {b}" if "product" in asked or "*" in asked else f"{a} + {b}"


@cache
def known() -> dict[str, str]:
    """Return the answers of the example problems."""
    text = (files("votebox.cluster") / "examples/arithmetic.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return {row["problem"]: row["answer"] for row in rows}


@contextlib.contextmanager
def running(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """Serve the app and leave the state file that `votebox up` would leave."""
    engine = ReplayEngine(reply, model="votebox-mini")
    box = Sandbox(workers=2)
    traces = str(folder / "votebox/traces")  # the default of every command
    store = TraceStore(traces)
    solver = Solver(engine, box, Registry.load(allowed=()), store)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    with front_door(LocalBackend(solver, models={"votebox-mini": engine})) as url:
        lock = state.claim()
        assert lock is not None
        # A keeper of no consequence, for whoever would end the app.
        keeper = subprocess.Popen(["sleep", "3600"])
        state.write_app(state.App(url, keeper.pid, time.time(), "", ready=True, traces=traces))
        yield App(url.removeprefix("http://"), folder)
        keeper.kill()
        keeper.wait()
