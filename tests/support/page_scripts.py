"""Make what a solve tells, in its time: recorded from the real solver, or written to hurt."""

import asyncio
from typing import Any

from contract import FakeBox
from recorded import VERDICT
from solved import QUESTION, engine, known, ran

from votebox.plugins import Problem, SolveOptions, Solver, load_recipe, run_virtual
from votebox.plugins.wire import to_wire

Script = list[tuple[float, dict[str, Any]]]

ATTACKS = (
    "<img src=x onerror=window.owned=1>",
    "</script><script>window.owned=1</script>",
    "\x1b[2J\x1b]0;owned\x07\x1b[31mred",
    "\u202eright to left\u2066\u200b\x00",
    "javascript:window.owned=1",
    "</pre></dialog><svg onload=window.owned=1><style>main{display:none}</style>",
    "x" * 200_000,
)
"""Texts a model, a program or a caller might send."""


def recording(chains: int = 16, delta: float = 0.0005, seed: int = 7) -> Script:
    """Return what the recipe `vote` tells of a question, with programs, failures and losers."""

    async def solve() -> Script:
        registry = known()
        text = registry.recipes["vote"].source
        text = text.replace('"stop:fhpc"', f'"stop:fhpc"\ndelta = {delta}')
        solver = Solver(engine(pause_s=0.05), FakeBox(ran, pause_s=0.3), registry)
        options = SolveOptions(seed=seed, chains=chains)
        loop, told = asyncio.get_running_loop(), []
        before = loop.time()
        async for event in solver.events(Problem(QUESTION), load_recipe(text, registry), options):
            told.append((loop.time() - before, to_wire(event)))
            before = loop.time()
        return told

    return run_virtual(solve())


def quick(script: Script) -> Script:
    """Return a script without its pauses."""
    return [(0.0, event) for _, event in script]


def middle(script: Script) -> int:
    """Return how many events come before the vote changes for the fourth time, and that one."""
    changes = [n for n, (_, event) in enumerate(script) if event["type"] == "vote_changed"]
    return changes[3] + 1


def hostile() -> Script:
    """Return a solve in which every text of a model, a program or a recipe is an attack."""
    begin = {"type": "solve_started", "recipe": ATTACKS[0], "chains": 7, "seed": 1}
    told: list[dict[str, Any]] = [{**begin, "models": list(ATTACKS[:3])}]
    for chain, attack in enumerate(ATTACKS):
        told += _attacked(chain, attack)
    votes = [[attack, 2.0 - 0.1 * n] for n, attack in enumerate(ATTACKS)]
    told.append({"type": "vote_changed", "votes": votes, "finished": 7, "planned": 7, "need": 3})
    told.append({"type": "verdict_reached", "verdict": _attacked_verdict()})
    return [(0.0, event) for event in told]


def _attacked(chain: int, attack: str) -> list[dict[str, Any]]:
    text = {"type": "chain_text", "node": attack[:50], "round": 0, "tokens": 9}
    ended = {"status": "error", "stdout": attack, "stderr": attack, "wall_s": 0.1}
    return [
        {"type": "chain_started", "chain": chain, "label": attack},
        {**text, "chain": chain, "text": f"{attack}\n```python\n{attack}\n```\nso {attack}"},
        {"type": "program_started", "chain": chain, "code": attack},
        {"type": "program_finished", "chain": chain, "execution": ended},
        {"type": "candidate_read", "chain": chain, "source": attack[:50], "answer": attack},
        {"type": "chain_finished", "chain": chain, "ended": attack[:60], "tokens": 9},
    ]


def _attacked_verdict() -> dict[str, Any]:
    votes = [
        {"answer": attack, "weight": 2.0 - 0.1 * n, "chains": [n], "members": [attack]}
        for n, attack in enumerate(ATTACKS)
    ]
    rest = {"finished": 7, "planned": 7, "flip_chance": 0.1, "tokens_saved": 5}
    named = {"recipe": ATTACKS[0], "recipe_hash": ATTACKS[0], "reason": ATTACKS[0]}
    stopped = {"stopped_by": ATTACKS[1], "answer": ATTACKS[0]}
    return {**VERDICT, "votes": votes, **rest, **named, **stopped}
