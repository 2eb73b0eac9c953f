"""Turn a verdict into a tree of spans: solve, its chains, and the nodes each chain ran.

Reads the wire form alone, after the solve. No span holds a prompt, a reply, a program, an
answer or an error's text: only names, numbers and states. Names follow the semantic
conventions of OpenTelemetry for generative AI (`gen_ai.*`) where these have one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

__all__ = ["MOST_SPANS", "Attributes", "PlannedSpan", "span_tree"]

MOST_SPANS: Final = 8_000
"""The most spans of one solve; `votebox.spans.left_out` of the solve counts the others."""

Attributes = Mapping[str, str | int | float | bool | Sequence[str]]


@dataclass(frozen=True, slots=True)
class PlannedSpan:
    """Describe a span. Times are seconds since the solve's start.

    `kind` is OpenTelemetry's: client for what asks another service. `failure` names what
    went wrong in a word, "" for nothing.
    """

    name: str
    start_s: float
    end_s: float
    attributes: Attributes
    kind: Literal["internal", "client"] = "internal"
    failure: str = ""
    children: tuple["PlannedSpan", ...] = ()


def span_tree(verdict: Mapping[str, Any], most: int = MOST_SPANS) -> PlannedSpan:
    """Return the spans of a verdict in wire form, at most `most`."""
    wall_s = float(verdict["wall_s"])
    left, left_out = most - 1, 0
    chains = []
    for chain in verdict["chains"]:
        span = _chain(chain, wall_s)
        size = 1 + len(span.children)
        if size > left:
            left_out += size
            continue
        left -= size
        chains.append(span)
    shown = _solve(verdict)
    if left_out:
        shown = {**shown, "votebox.spans.left_out": left_out}
    return PlannedSpan(
        f"invoke_workflow {verdict['recipe']}", 0.0, wall_s, shown, children=tuple(chains)
    )


def _solve(verdict: Mapping[str, Any]) -> Attributes:
    usage = verdict["usage"]
    return _known(
        {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": verdict["recipe"],
            "gen_ai.usage.input_tokens": usage["prompt_tokens"],
            "gen_ai.usage.output_tokens": usage["completion_tokens"],
            "votebox.solve.id": verdict["id"],
            "votebox.recipe.hash": verdict["recipe_hash"],
            "votebox.seed": verdict["seed"],
            "votebox.stop_reason": verdict["stop_reason"],
            "votebox.stopped_by": verdict["stopped_by"],
            "votebox.abstained": verdict["abstained"],
            "votebox.confidence": verdict["confidence"],
            "votebox.chains.planned": verdict["planned"],
            "votebox.chains.finished": verdict["finished"],
            "votebox.chains.aborted": usage["chains_aborted"],
            "votebox.tokens.aborted": usage["aborted_tokens"],
            "votebox.tokens.saved": verdict["tokens_saved"],
            "votebox.programs": usage["executions"],
            "votebox.sandbox.seconds": usage["sandbox_s"],
        }
    )


def _chain(chain: Mapping[str, Any], wall_s: float) -> PlannedSpan:
    start_s = float(chain["start_s"])
    end_s = max(start_s, wall_s if chain["end_s"] is None else chain["end_s"])
    nodes = [*_calls(chain, start_s, end_s), *_programs(chain, start_s, end_s)]
    told = {
        "votebox.chain": chain["index"],
        "votebox.chain.seed": chain["seed"],
        "votebox.chain.ended": chain["ended"],
        "votebox.chain.place": chain["place"],
        "votebox.chain.rounds": chain["rounds"],
        "votebox.chain.candidates": len(chain["candidates"]),
        "gen_ai.usage.input_tokens": chain["usage"]["prompt_tokens"],
        "gen_ai.usage.output_tokens": chain["usage"]["completion_tokens"],
    }
    return PlannedSpan(
        "chain",
        start_s,
        end_s,
        _known(told),
        failure="error" if chain["ended"] == "error" else "",
        children=tuple(sorted(nodes, key=lambda node: (node.start_s, node.end_s))),
    )


def _calls(chain: Mapping[str, Any], start_s: float, end_s: float) -> Iterator[PlannedSpan]:
    """Yield a span for each reply of a model; one that was cut off ends with its chain."""
    for said in chain["completions"]:
        told = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": said["model"],
            "gen_ai.request.seed": said.get("seed"),
            "gen_ai.usage.input_tokens": said["prompt_tokens"],
            "gen_ai.usage.output_tokens": said["completion_tokens"],
            "gen_ai.response.finish_reasons": [said["finish_reason"] or "unknown"],
            **_place(chain, said),
        }
        since, until = _within(said, start_s, end_s)
        yield PlannedSpan(f"chat {said['model']}", since, until, _known(told), "client")


def _programs(chain: Mapping[str, Any], start_s: float, end_s: float) -> Iterator[PlannedSpan]:
    """Yield a span for each program, from when it was given to the sandbox."""
    for did in chain["executions"]:
        told = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "python",
            "gen_ai.tool.type": "extension",
            "votebox.program.status": did["status"],
            "votebox.program.exit_code": did["exit_code"],
            "votebox.program.wall_s": did["wall_s"],
            "votebox.program.cpu_s": did["cpu_s"],
            "votebox.program.peak_memory_mib": did["peak_memory_mib"],
            "votebox.program.truncated": did["truncated"],
            **_place(chain, did),
        }
        since, until = _within(did, start_s, end_s)
        failure = "" if did["status"] == "ok" else str(did["status"])
        yield PlannedSpan("execute_tool python", since, until, _known(told), failure=failure)


def _place(chain: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    where = {"votebox.node": item.get("node"), "votebox.round": item.get("round")}
    return {"votebox.chain": chain["index"], **where}


def _within(item: Mapping[str, Any], start_s: float, end_s: float) -> tuple[float, float]:
    """Return when an item was, the chain's own times where it does not tell."""
    since, until = item.get("start_s"), item.get("end_s")
    begin = start_s if since is None else float(since)
    return begin, max(begin, end_s if until is None else float(until))


def _known(attributes: Mapping[str, Any]) -> Attributes:
    """Return what is known; a number that OTLP's 64 bits do not hold becomes text."""
    return {name: _fitting(value) for name, value in attributes.items() if value is not None}


def _fitting(value: Any) -> Any:
    large = isinstance(value, int) and not -(2**63) <= value < 2**63
    return str(value) if large else value
