"""A chain whose engine or interpreter died starts again, as often as its recipe allows."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from contract import FakeBox, ok, registry, toml

from votebox.plugins import (
    ChainFinished,
    ChainRestarted,
    ChainStarted,
    Delta,
    EngineDied,
    Problem,
    RecipeError,
    ReplayEngine,
    SolveOptions,
    Solver,
    VerdictReached,
    load_recipe,
)
from votebox.sandbox import Execution, SandboxDied

REGISTRY = registry()
QUESTION = Problem("What is 6 times 7?")
OPTIONS = SolveOptions(seed=1)
WORDS = ("so ", "it ", "is 42")


class Mortal:
    """Write the same reply to everybody, a word at a time; die at the words of `deaths`.

    The first stream dies before its word number deaths[0], the second before deaths[1], and
    so on; later ones live. Each word is a token, and a prompt is five.
    """

    model = "mortal"

    def __init__(self, *deaths: int) -> None:
        self.deaths = list(deaths)
        self.seeds: list[list[int | None]] = []

    def sample(self, prompts: Any) -> Any:
        self.seeds.append([prompt.seed for prompt in prompts])
        return _Stream(self._written(len(prompts), self.deaths.pop(0) if self.deaths else None))

    async def _written(self, chains: int, death: int | None) -> AsyncIterator[list[Delta]]:
        for number, word in enumerate(WORDS):
            if number == death:
                raise EngineDied(self.model, "its replica died")
            await asyncio.sleep(0.01)  # as an engine: who hears a word may act before the next
            end = "stop" if number == len(WORDS) - 1 else None
            asked = 0 if number else 5
            yield [Delta(n, word, 1, asked, finish_reason=end) for n in range(chains)]


class _Stream:
    def __init__(self, batches: AsyncIterator[list[Delta]]) -> None:
        self._batches = batches

    def __aiter__(self) -> "_Stream":
        return self

    async def __anext__(self) -> list[Delta]:
        return await anext(self._batches)

    async def abort(self, chain: int) -> None:
        """Do nothing: it writes in no time."""

    async def aclose(self) -> None:
        """Do nothing, as above."""


def small(restarts: object = None, chains: int = 3, **changes: str) -> Any:
    said = "" if restarts is None else f"restarts = {restarts}"
    head = f'name = "small"\nchains = {chains}\npolicy = "any-int"\n{said}'
    return load_recipe(toml(head=head, **changes), REGISTRY)


async def test_chains_of_an_engine_that_died_start_again_and_vote() -> None:
    engine = Mortal(2)
    verdict = await Solver(engine, None, REGISTRY).solve(QUESTION, small(), OPTIONS)
    assert (verdict.answer, verdict.votes[0].weight) == ("42", 3)
    assert [chain.index for chain in verdict.chains] == [0, 1, 2]
    assert {chain.ended for chain in verdict.chains} == {"answered"}
    assert engine.seeds[0] == engine.seeds[1]  # the same draw, as if nothing had happened


async def test_tokens_lost_with_an_engine_are_counted() -> None:
    verdict = await Solver(Mortal(2), None, REGISTRY).solve(QUESTION, small(), OPTIONS)
    kept = sum(chain.usage.completion_tokens for chain in verdict.chains)
    assert kept == 3 * 3
    assert verdict.usage.completion_tokens == kept + 3 * 2
    assert verdict.usage.aborted_tokens == 3 * 2
    assert verdict.usage.prompt_tokens == 2 * 3 * 5


async def test_watchers_hear_of_each_new_beginning_and_of_one_end() -> None:
    solver = Solver(Mortal(1), None, REGISTRY)
    events = [event async for event in solver.events(QUESTION, small(chains=1), OPTIONS)]
    told = [e for e in events if isinstance(e, ChainStarted | ChainRestarted | ChainFinished)]
    assert [type(event) for event in told] == [ChainStarted, ChainRestarted, ChainFinished]
    assert isinstance(told[1], ChainRestarted)
    assert told[1].problem == "model mortal: its replica died"
    assert isinstance(events[-1], VerdictReached)


@pytest.mark.parametrize("restarts", [0, 1, 3])
async def test_a_recipe_bounds_how_often_a_chain_starts_again(restarts: int) -> None:
    engine = Mortal(*[1] * 9)
    with pytest.raises(EngineDied):
        await Solver(engine, None, REGISTRY).solve(QUESTION, small(restarts, 1), OPTIONS)
    assert len(engine.seeds) == 1 + restarts


async def test_a_budget_of_tokens_holds_over_restarts() -> None:
    recipe = small(8, 1, tail="[budget]\nmax_total_tokens = 20")
    verdict = await Solver(Mortal(*[2] * 9), None, REGISTRY).solve(QUESTION, recipe, OPTIONS)
    assert verdict.stop_reason == "budget"
    assert 20 <= verdict.usage.total_tokens <= 27


async def test_a_chain_whose_interpreter_died_starts_again() -> None:
    died: list[str] = []

    def run(code: str) -> Execution:
        if not died:
            died.append(code)
            raise SandboxDied("a sandbox replica died")
        return ok("42\n")

    programs = '[nodes.code]\nuse = "code:tagged"\nafter = ["think"]\n[nodes.run]\n'
    programs += 'use = "sandbox:python"\nafter = ["code"]\n'
    read = '[nodes.read]\nuse = "extract:last-word"\nafter = ["run"]'
    recipe = small(chains=1, read=programs + read)
    engine = ReplayEngine(lambda prompt: "<py>print(42)</py>")
    verdict = await Solver(engine, FakeBox(run), REGISTRY).solve(QUESTION, recipe, OPTIONS)
    assert verdict.answer == "42"
    assert len(engine.sampled) == 2


def test_a_recipe_that_says_nothing_of_restarts_keeps_its_hash() -> None:
    assert small().hash == small(1).hash
    assert small(0).hash != small().hash
    assert small(2).hash not in {small().hash, small(0).hash}


@pytest.mark.parametrize("wrong", ["-1", "9", "1.5", '"often"'])
def test_a_wrong_number_of_restarts_is_refused(wrong: str) -> None:
    with pytest.raises(RecipeError, match="restarts"):
        small(wrong)
