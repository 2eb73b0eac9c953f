"""Make runs to report on: seeded, of any size, with real traces where they are wanted."""

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from solved import HOSTILE, QUESTION, solved

from votebox.cluster.evaluate_rows import ChainRow, EvalRow, Fault, ProgramRow, VoteRow, dump_row
from votebox.cluster.runs import DatasetFacts, Run, RunHead, RunWriter
from votebox.plugins import TraceStore

LABELS = ("plain", "code", "verify", "elegant")
COMMAND = ("votebox", "eval", "example:arithmetic", "--recipe", "vote", "--out", "runs/my run")


def head(name: str = "aimo", dataset: str = "arithmetic", rows: int = 200, **more: Any) -> RunHead:
    facts = DatasetFacts(
        dataset, f"{dataset}.jsonl", dataset * 4, rows, {"id": "id", "question": "problem"}
    )
    told = {
        "recipe_hash": "1f0c9e27",
        "recipe_source": 'name = "vote"\nchains = 16\n',
        "models": ("QwQ-32B",),
        "command": COMMAND,
        "started": "2026-11-23T10:00:00+00:00",
        "ended": "2026-11-23T11:00:00+00:00",
        "votebox": "0.1.0",
        "engine": "endpoint",
    }
    return RunHead(name, facts, "vote", **(told | more))


def rows(
    count: int = 200, skill: float = 0.6, seed: int = 0, *, chains: int = 8, cost: int = 1000
) -> tuple[EvalRow, ...]:
    """Return rows whose chains are right with the chance `skill`, harder problems less often."""
    return tuple(_row(number, skill, seed, chains, cost) for number in range(count))


def _row(number: int, skill: float, seed: int, chains: int, cost: int) -> EvalRow:
    chance = Random(f"{seed}/{number}")  # noqa: S311 - pretended answers, not secrets
    hard = number * 37 % 100 / 100 - 0.5
    truth = str(100 + number * 7 % 899)
    found = tuple(_chain(n, truth, skill - hard * 0.6, chance, cost) for n in range(chains))
    votes: dict[str, list[int]] = {}
    for chain in found:
        if chain.answer is not None:
            votes.setdefault(chain.answer, []).append(chain.index)
    order = sorted(votes.items(), key=lambda item: (-len(item[1]), item[0]))
    answer = order[0][0] if order else None
    written = sum(chain.tokens for chain in found)
    return EvalRow(
        f"p{number}",
        0,
        f"A train leaves at {number} past nine. Find the remainder of ${number}^{{12}}$ by 1000.",
        reference=truth,
        answer=answer,
        correct=answer == truth,
        abstained=answer is None,
        reason="majority" if answer else "no chain voted",
        stop_reason="consensus" if number % 3 else "",
        stopped_by="fhpc" if number % 3 else None,
        confidence=len(order[0][1]) / sum(map(len, votes.values())) if order else 0.0,
        votes=tuple(VoteRow(a, float(len(c)), tuple(c), a == truth) for a, c in order),
        chains=found,
        prompt_tokens=120 * chains,
        completion_tokens=written,
        aborted_tokens=written // 20,
        tokens_saved=written // 3 if number % 3 else 0,
        executions=sum(len(chain.programs) for chain in found),
        sandbox_s=0.4,
        wall_s=chance.uniform(4, 40),
        seed=number,
        recipe_hash="1f0c9e27",
        solve_id=f"20261123-100000-000-{number:010x}",
    )


def _chain(index: int, truth: str, skill: float, chance: Random, cost: int) -> ChainRow:
    read = chance.random() > 0.08
    right = chance.random() < skill
    answer = (truth if right else str(chance.randrange(4))) if read else None
    cut = chance.random() < 0.1
    return ChainRow(
        index,
        LABELS[index % len(LABELS)],
        "aborted" if cut else "answered" if read else "silent",
        int(chance.uniform(0.4, 1.8) * cost),
        chance.uniform(2, 30),
        answer,
        right and read,
        {"boxed": answer, "printed": answer if index % 2 else None},
        ("boxed",) if right and read else (),
        (ProgramRow("ok", 0.12),) if index % 2 else (),
        readable=read,
        model="QwQ-32B",
    )


def run(
    name: str = "aimo", count: int = 200, skill: float = 0.6, seed: int = 0, **more: Any
) -> Run:
    kept = {key: more.pop(key) for key in ("chains", "cost") if key in more}
    return Run(head(name, rows=count, **more), rows(count, skill, seed, **kept))


def write(folder: Path, made: Run) -> Path:
    """Write a run as `votebox eval` would; return its folder."""
    with RunWriter(folder, made.head) as writer:
        for row in made.rows:
            writer.add(row)
        if made.head.ended:
            writer.finish()
    return folder


def hostile(folder: Path) -> Run:
    """Return a run every text of which tries to be markup, with a trace of forty chains."""
    store = TraceStore(str(folder / "traces"))
    changes = {"stop:fhpc": "stop:never", "dispatch:need-driven": "dispatch:all"}
    verdict = asyncio.run(
        solved(store, text=f"{QUESTION} {HOSTILE}", pause_s=0.001, changes=changes)
    )
    chains = tuple(
        ChainRow(
            chain.index,
            HOSTILE,
            chain.ended,
            chain.usage.completion_tokens,
            1.0,
            chain.candidates[-1].answer if chain.candidates else None,
            correct=False,
            sources={HOSTILE: HOSTILE},
            programs=tuple(ProgramRow(e.status, e.wall_s) for e in chain.executions),
            readable=bool(chain.candidates),
            model=HOSTILE,
        )
        for chain in verdict.chains
    )
    votes = tuple(VoteRow(v.answer, v.weight, v.chains, v.answer == "400") for v in verdict.votes)
    first = EvalRow(
        HOSTILE,
        0,
        f"{QUESTION} {HOSTILE}",
        HOSTILE,
        HOSTILE,
        correct=False,
        reason=HOSTILE,
        stop_reason=HOSTILE,
        stopped_by=HOSTILE,
        confidence=0.5,
        votes=(*votes, VoteRow(HOSTILE, 1.0, (0,), correct=False)),
        chains=chains,
        completion_tokens=100,
        solve_id=verdict.id,
        traced=True,
    )
    second = EvalRow(
        "=1+1", 0, "@SUM(A1)", "-2", "+3", correct=False, reason="\t=x", confidence=0.5
    )
    failed = EvalRow(
        "p9", 0, "</script>", error=Fault(HOSTILE, HOSTILE), correct=False, reference="1"
    )
    made = replace(
        head(HOSTILE, HOSTILE, 3),
        recipe=HOSTILE,
        recipe_source=HOSTILE,
        models=(HOSTILE,),
        command=("votebox", "eval", "it's", HOSTILE),
    )
    return Run(made, (first, second, failed), folder)


def dumped(found: Run) -> str:
    return "".join(f"{dump_row(row).decode()}\n" for row in found.rows)
