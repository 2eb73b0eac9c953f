"""Weigh chains by how sure the model was: `vote:confident`, `vote:borda`, `vote:deepconf`.

They read `Candidate.confidence`, for which a recipe with one of them asks its engines
(`sampling.top_logprobs`). As in `vote:majority` a chain votes once, with its last word.
A chain of which the statistic is not known is rejected; when no chain has it the vote
fails, because counting nobody must not pass for an abstention.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, inf, isfinite
from typing import Annotated, Literal

from pydantic import Field

from votebox.plugins import Candidate, PluginError, Register, Tally, declare, hookimpl
from votebox.plugins.answers import Policy
from votebox.plugins.builtin.votes import count, last_words

TokenStatistic = Literal["mean", "tail", "lowest", "bottom"]
Statistic = Literal["logprob", "entropy", "mean", "tail", "lowest", "bottom"]


@dataclass(frozen=True, slots=True)
class ConfidentOptions:
    """Choose the statistic of `vote:confident`, how sharply it weighs, and preferred sources."""

    by: Statistic = "logprob"
    temperature: Annotated[float, Field(gt=0, le=1000)] = 1.0
    prefer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BordaOptions:
    """Choose the statistic of `vote:borda`, its power, and preferred sources."""

    by: Statistic = "mean"
    power: Annotated[float, Field(ge=0, le=16)] = 0.5
    prefer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeepconfOptions:
    """Choose the statistic of `vote:deepconf`, the per cent of chains kept, and sources."""

    by: TokenStatistic = "bottom"
    keep: Annotated[float, Field(gt=0, le=100)] = 10.0
    prefer: tuple[str, ...] = ()


@declare(most=inf, top_logprobs=20)
def confident(candidates: Sequence[Candidate], policy: Policy, options: ConfidentOptions) -> Tally:
    """Elect argmax over a of the sum of exp(c / T) over the chains that say a.

    CISC (Taubenfeld et al. 2025), with T the `temperature`; weights are relative to the
    most confident chain, which changes no order. `by = "entropy"` weighs by 1 / max(H, 1e-9)
    instead (arXiv 2603.27844).
    """
    voters, sure = _measured("vote:confident", candidates, options.by, options.prefer)
    top = max(sure.values(), default=0.0)
    if options.by == "entropy":
        weights = {chain: 1 / max(-own, 1e-9) for chain, own in sure.items()}
    else:
        weights = {chain: exp((own - top) / options.temperature) for chain, own in sure.items()}
    return count(voters, policy, lambda c: weights.get(c.chain, 0.0))


@declare(most=inf, top_logprobs=20)
def borda(candidates: Sequence[Candidate], policy: Policy, options: BordaOptions) -> Tally:
    """Elect by Borda count: of N chains the r-th most confident casts (N - r + 1)^p.

    Self-certainty with Borda voting (Kang et al. 2025), p the `power`. Equally confident
    chains share the better rank.
    """
    voters, sure = _measured("vote:borda", candidates, options.by, options.prefer)
    ranked = sorted(sure.values(), reverse=True)
    weights = {
        c: float(len(ranked) - ranked.index(own)) ** options.power for c, own in sure.items()
    }
    return count(voters, policy, lambda c: weights.get(c.chain, 0.0))


@declare(most=inf, top_logprobs=20)
def deepconf(candidates: Sequence[Candidate], policy: Policy, options: DeepconfOptions) -> Tally:
    """Elect by confidence among the `keep` per cent of chains that are most confident.

    DeepConf (Fu et al. 2025): the kept chains, rounded up to whole ones and with equals of
    the last, vote with their confidence as weight; the others are rejected.
    """
    voters, sure = _measured("vote:deepconf", candidates, options.by, options.prefer)
    kept = ceil(len(sure) * options.keep / 100 - 1e-9)
    least = sorted(sure.values(), reverse=True)[kept - 1] if kept else inf
    weights = {chain: own for chain, own in sure.items() if own >= least}
    return count(voters, policy, lambda c: weights.get(c.chain, 0.0))


def _measured(
    vote: str, candidates: Sequence[Candidate], by: Statistic, prefer: Sequence[str]
) -> tuple[list[Candidate], dict[int, float]]:
    """Return each chain's voter, and how sure the measured chains were: more is surer."""
    voters = last_words(candidates, prefer)
    sure: dict[int, float] = {}
    for voter in voters:
        value = getattr(voter.confidence, by) if voter.confidence else None
        if value is not None and isfinite(value):
            sure[voter.chain] = -value if by == "entropy" else value
    if voters and not sure:
        problem = f"weighs by {by!r}, which no chain's confidence has"
        raise PluginError(vote, problem, "its engine gave no top logprobs: use one that does")
    return voters, sure


@hookimpl
def register_votes(register: Register) -> None:
    """Register the votes."""
    register("vote:confident", confident, options=ConfidentOptions)
    register("vote:borda", borda, options=BordaOptions)
    register("vote:deepconf", deepconf, options=DeepconfOptions)
