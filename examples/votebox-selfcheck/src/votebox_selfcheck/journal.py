"""Observe solves: count what happened and log it; an observer can change nothing."""

import logging
from collections import Counter

from votebox.plugins import ChainRecord, Execution, Problem, Verdict, hookimpl

__all__ = ["chain_finished", "counts", "program_finished", "verdict_reached"]

_log = logging.getLogger("votebox_selfcheck")

counts: Counter[str] = Counter()
"""What this process saw: chains by how they ended, programs by status, verdicts by reason."""


@hookimpl
def chain_finished(problem: Problem, chain: ChainRecord) -> None:
    """Count and log a chain that ended."""
    counts[f"chain {chain.ended}"] += 1
    _log.info("chain %d ended: %s", chain.index, chain.ended)


@hookimpl
def program_finished(problem: Problem, chain: int, execution: Execution) -> None:
    """Count and log a program that ended."""
    counts[f"program {execution.status}"] += 1
    _log.info("chain %d ran a program: %s", chain, execution.status)


@hookimpl
def verdict_reached(problem: Problem, verdict: Verdict) -> None:
    """Count and log a verdict."""
    counts[f"verdict {verdict.stop_reason}"] += 1
    _log.info("verdict %r: %s", verdict.answer, verdict.reason)
