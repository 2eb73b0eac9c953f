"""Mark a verdict against the reference and make the row of it.

Both sides are admitted by the recipe's own policy first (under `aimo2` 1042 is 42), then
compared as mathematics. A verdict is its wire dict, so it may come from anywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from votebox.cluster.evaluate_rows import ChainRow, EvalRow, Fault, ProgramRow, VoteRow
from votebox.cluster.evaluate_tasks import Task
from votebox.cluster.grade import Grader
from votebox.plugins import Recipe
from votebox.plugins.classes import Referee

__all__ = ["Marker", "fault_row", "row_of"]


class Marker:
    """Decide which answers of a verdict are the reference, under a recipe's policy.

    `referee` decides pairs that exact rules do not. `sources` are the recipe's nodes that
    read answers.
    """

    def __init__(self, recipe: Recipe, referee: Referee) -> None:
        self._grade = Grader(recipe, referee)
        self.sources = tuple(n.id for n in recipe.nodes.values() if n.kind == "extract")

    async def right(self, answers: Sequence[str], reference: str | None) -> dict[str, bool]:
        """Return which of some answers are the reference; nothing without one."""
        if reference is None:
            return {}
        return {text: await self._grade(text, reference) for text in dict.fromkeys(answers)}


async def row_of(task: Task, verdict: Mapping[str, Any], marker: Marker) -> EvalRow:
    """Return the row of a verdict in the shape of `verdict_to_wire`."""
    votes, chains = verdict["votes"], verdict["chains"]
    reference, answer, usage = task.item.reference, verdict["answer"], verdict["usage"]
    read = [c["answer"] for chain in chains for c in chain["candidates"]]
    written = [*(v["answer"] for v in votes), *read, *([] if answer is None else [answer])]
    right = await marker.right(written, reference)
    return EvalRow(
        **task.facts,
        answer=answer,
        correct=None if reference is None else right.get(answer, False),
        abstained=answer is None,
        reason=verdict["reason"],
        stop_reason=verdict["stop_reason"],
        stopped_by=verdict["stopped_by"],
        confidence=float(verdict["confidence"]),
        votes=tuple(
            VoteRow(v["answer"], float(v["weight"]), tuple(v["chains"]), right.get(v["answer"]))
            for v in votes
        ),
        chains=tuple(
            _chain(chain, verdict, marker.sources, right if reference is not None else None)
            for chain in chains
        ),
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
        aborted_tokens=usage["aborted_tokens"],
        tokens_saved=verdict.get("tokens_saved") or 0,
        executions=usage["executions"],
        sandbox_s=float(usage["sandbox_s"]),
        wall_s=float(verdict["wall_s"]),
        recipe_hash=verdict["recipe_hash"],
        solve_id=verdict["id"],
        traced=verdict["traced"],
    )


def fault_row(task: Task, error: Exception, wall_s: float) -> EvalRow:
    """Return the row of a solve that came to no verdict; with a reference, it is not right."""
    correct = None if task.item.reference is None else False
    fault = Fault(type(error).__name__, str(error))
    return EvalRow(**task.facts, correct=correct, wall_s=round(wall_s, 3), error=fault)


def _chain(
    chain: Mapping[str, Any],
    verdict: Mapping[str, Any],
    sources: Sequence[str],
    right: Mapping[str, bool] | None,
) -> ChainRow:
    """Return the row of a chain; `right` None means there is no reference."""
    found: dict[str, str | None] = dict.fromkeys(sources)
    found |= {c["source"]: c["answer"] for c in chain["candidates"]}
    answer = _voted(chain, verdict["votes"])
    end_s = verdict["wall_s"] if chain["end_s"] is None else chain["end_s"]
    good = (name for name, text in found.items() if text is not None and (right or {}).get(text))
    return ChainRow(
        index=chain["index"],
        label=chain["label"],
        ended=chain["ended"],
        tokens=chain["usage"]["completion_tokens"],
        seconds=round(max(0.0, end_s - chain["start_s"]), 3),
        answer=answer,
        correct=None if right is None else answer is not None and right[answer],
        sources=found,
        right_sources=tuple(good),
        programs=tuple(ProgramRow(e["status"], float(e["wall_s"])) for e in chain["executions"]),
        readable=any(text is not None for text in found.values()),
        model=chain["completions"][-1]["model"] if chain["completions"] else "",
    )


def _voted(chain: Mapping[str, Any], votes: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the class a chain voted for: of several, that of what was read last."""
    mine = [vote for vote in votes if chain["index"] in vote["chains"]]
    for candidate in reversed(chain["candidates"]):
        for vote in mine:
            if candidate["answer"] in vote["members"]:
                return str(vote["answer"])
    return str(mine[0]["answer"]) if mine else None
