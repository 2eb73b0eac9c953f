"""Turn nouns and events into plain JSON types, the same for CLI, HTTP and Ray.

One direction only: what leaves a solve is data to read, never rebuilt into objects.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from votebox.plugins.events import Event
from votebox.plugins.nouns import Candidate, Usage
from votebox.plugins.verdicts import ChainRecord, Verdict
from votebox.plugins.voting import VoteClass

__all__ = ["to_wire", "verdict_to_wire"]


def to_wire(event: Event) -> dict[str, Any]:
    """Return `event` as a dict of JSON types; `type` is its class name in snake_case."""
    if hasattr(event, "verdict"):
        return {"type": "verdict_reached", "verdict": verdict_to_wire(event.verdict)}
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    return {"type": name, **_plain(event)}


def verdict_to_wire(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as a dict of JSON types.

    Keys: answer (text or None), reason, stop_reason, stopped_by, abstained, confidence,
    votes (answer, weight, chains, members), contributions, chains, usage, recipe,
    recipe_hash, seed, wall_s (seconds), problem_id, id, started (ISO 8601), planned (chains),
    rounds, traced, finished, flip_chance, tokens_saved, ladder_s, client_request, overrides,
    files (of an editing task: text by path, None for a deleted one; else empty).
    """
    return {
        "answer": verdict.answer,
        "abstained": verdict.abstained,
        "reason": verdict.reason,
        "stop_reason": verdict.stop_reason,
        "stopped_by": verdict.stopped_by,
        "confidence": verdict.confidence,
        "votes": [_vote(vote) for vote in verdict.votes],
        "rejected": [_candidate(c) for c in verdict.rejected],
        "contributions": [_plain(c) for c in verdict.contributions],
        "usage": _usage(verdict.usage, verdict),
        "chains": [_chain(chain) for chain in verdict.chains],
        "recipe": verdict.recipe,
        "recipe_hash": verdict.recipe_hash,
        "seed": verdict.seed,
        "wall_s": round(verdict.wall_s, 3),
        "problem_id": verdict.problem_id,
        "id": verdict.id,
        "started": verdict.started.isoformat() if verdict.started else None,
        "planned": verdict.planned,
        "rounds": verdict.rounds,
        "traced": verdict.traced,
        "finished": verdict.finished,
        "flip_chance": verdict.flip_chance,
        "tokens_saved": verdict.tokens_saved,
        "ladder_s": verdict.ladder_s,
        "client_request": verdict.client_request,
        "overrides": _plain(verdict.overrides),
        "files": verdict.files,
    }


def _vote(vote: VoteClass) -> dict[str, Any]:
    return {
        "answer": vote.answer,
        "weight": vote.weight,
        "chains": list(vote.chains),
        "members": list(dict.fromkeys(m.answer for m in vote.members)),
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "answer": candidate.answer,
        "source": candidate.source,
        "chain": candidate.chain,
        "round": candidate.evidence.round,
        "complete": candidate.evidence.complete,
    }


def _chain(chain: ChainRecord) -> dict[str, Any]:
    return {
        "index": chain.index,
        "seed": chain.seed,
        "label": chain.label,
        "ended": chain.ended,
        "rounds": chain.rounds,
        "error": chain.error,
        "usage": _plain(chain.usage),
        "start_s": _plain(chain.start_s),
        "end_s": _plain(chain.end_s),
        "place": chain.place,
        "completions": [_completion(chain, n) for n in range(len(chain.completions))],
        "programs": list(chain.programs),
        "executions": [_execution(chain, n) for n in range(len(chain.executions))],
        "candidates": [_candidate(c) for c in chain.candidates],
    }


def _completion(chain: ChainRecord, number: int) -> dict[str, Any]:
    """Return a reply without the conversation before it, which a trace keeps."""
    completion = chain.completions[number]
    said = {
        "text": completion.text,
        "reasoning": completion.reasoning,
        "finish_reason": completion.finish_reason,
        "model": completion.model,
        "provider": completion.provider,
        "prompt_tokens": completion.usage.prompt_tokens,
        "completion_tokens": completion.usage.completion_tokens,
    }
    if number >= len(chain.calls):  # a record made elsewhere may not know
        return said
    call = chain.calls[number]
    times = {"start_s": _plain(call.start_s), "end_s": _plain(call.end_s)}
    return {**said, "node": call.node, "round": call.round, "seed": call.prompt.seed, **times}


def _execution(chain: ChainRecord, number: int) -> dict[str, Any]:
    """Return what a program did, and when for which node where the record knows."""
    did = _plain(chain.executions[number])
    return {**did, **_plain(chain.runs[number])} if number < len(chain.runs) else did


def _usage(usage: Usage, verdict: Verdict) -> dict[str, Any]:
    return {
        **_plain(usage),
        "total_tokens": usage.total_tokens,
        "chains": len(verdict.chains),
        "chains_aborted": sum(chain.aborted for chain in verdict.chains),
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 6)
    return value
