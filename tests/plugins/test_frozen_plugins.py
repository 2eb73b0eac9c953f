"""Load and solve with plugins built for earlier versions, exactly as they were installed then.

Each folder of `tests/frozen` is an unpacked wheel. Its RECORD holds the hashes it was built
with, so nobody mends a plugin where votebox should have kept its word (docs/stability.md).
"""

import base64
import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FROZEN = sorted((Path(__file__).parents[1] / "frozen").iterdir())

SOLVE = """
import asyncio, json, sys, warnings
warnings.simplefilter("error", DeprecationWarning)
from votebox.plugins import Problem, Registry, ReplayEngine, Solver
from votebox.sandbox import Sandbox
from votebox_old_friend.plugin import SEEN

registry = Registry.load(allowed=["old-friend"])
names = [p.use for p in registry.plugins.values() if p.origin == "old-friend"]
replies = ["no ----\\n-> 5", "<py>print(6 * 7)</py>", "hm\\n----\\n-> 42", "+ 42\\n", "x" * 1500]

async def main():
    asked = iter(range(100))
    engine = ReplayEngine(lambda prompt: replies[next(asked) % 5])
    async with Sandbox() as sandbox:
        problem = Problem("What is 6 * 7?")
        return await Solver(engine, sandbox, registry).solve(problem, "old-friend")

verdict = asyncio.run(main())
print(json.dumps([names, verdict.answer, verdict.finished, SEEN]))
"""


@pytest.mark.parametrize("plugin", FROZEN, ids=lambda path: path.name)
def test_a_frozen_plugin_is_as_it_was_built(plugin: Path) -> None:
    (record,) = plugin.glob("*.dist-info/RECORD")
    listed = set()
    for name, expected, _ in csv.reader(record.read_text().splitlines()):
        listed.add(name)
        if expected:
            digest = hashlib.sha256((plugin / name).read_bytes()).digest()
            made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            assert expected == f"sha256={made}", f"{name} was changed; it is never to be"
    there = {p.relative_to(plugin).as_posix() for p in plugin.rglob("*") if p.is_file()}
    assert {name for name in there if "__pycache__" not in name} == listed


def test_a_plugin_built_for_0_1_loads_and_solves() -> None:
    (plugin,) = (path for path in FROZEN if path.name == "votebox_old_friend-0.1.0")
    done = subprocess.run(
        [sys.executable, "-B", "-c", SOLVE],
        env={**os.environ, "PYTHONPATH": str(plugin)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names, answer, finished, seen = json.loads(done.stdout)
    kinds = [
        "prompt",
        "code",
        "extract",
        "strip",
        "edit",
        "policy",
        "vote",
        "stop",
        "dispatch",
        "guard",
        "step",
        "select",
    ]
    assert sorted(name.split(":")[0] for name in names) == sorted(kinds)
    assert answer == "42"
    assert finished >= 5
    assert {kind for kind, *_ in seen} == {"chain", "program", "verdict"}
    assert "long" in {ended for kind, _, ended, *_ in seen if kind == "chain"}
