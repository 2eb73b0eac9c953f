"""Declare every hook a plugin may implement, in the order a solve meets them.

A plugin is a module (or object) whose functions carry `@hookimpl`, named by an entry
point of group `votebox`. The `register_*` hooks run once per process, when
`Registry.load()` builds its registry: they name things, and a recipe picks them by
`kind:name`; install order decides nothing. The observers run during a solve.

In every `register_*` hook, `register(name, thing, options=OptionsType)` adds one thing.
`name` is `kind:name`, hyphenated; the prefix may be left out where the hook takes one
kind only. `options` is a frozen dataclass or pydantic model with a default for each
field; a recipe's table is checked against it when loaded, and the thing receives the
instance as its last argument (None when it declares no options). A name registered
twice is an error. Hooks must not block, start threads or read the environment.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pluggy

if TYPE_CHECKING:
    from votebox.plugins.nouns import Problem
    from votebox.plugins.verdicts import ChainRecord, Verdict
    from votebox.sandbox import Execution

__all__ = ["PROJECT", "Register", "RegisterRecipe", "hookimpl", "hookspec"]

PROJECT = "votebox"
"""Pluggy's project name and the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Register(Protocol):
    """Add one named thing to the registry being built."""

    def __call__(self, name: str, thing: object, options: type | None = None) -> None:
        """Register `thing` as `name`; raise PluginError when the name is taken or ill-formed."""
        ...


RegisterRecipe = Callable[[str | Path], None]
"""Add a recipe given as TOML text or as the path of a TOML file."""


@hookspec
def register_prompts(register: Register) -> None:
    """Name prompt providers, kind `prompt`.

    A provider is called as `(problem, chain, round, options)` at the start of each
    round (from 0) of each chain, `chain` being a ChainView. In round 0 it returns a
    Prompt, or a str which becomes its one user turn. In later rounds a str is added to
    the program's output as the next user turn, a Prompt starts the chain's conversation
    anew, and None adds nothing; a chain with nothing to say ends. Pure and synchronous;
    an exception ends that chain and is recorded on it.
    """


@hookspec
def register_extractors(register: Register) -> None:
    """Name what reads text: kinds `extract`, `code`, `strip` and `edit`.

    `extract` and `code` are called as `(text, finish_reason, options)` and return a
    list of Reading, empty when nothing is there; a `code` Reading's value is program
    source. `finish_reason` is None while the chain still writes, so that a program may
    start as soon as its block closes: declare the texts that can close one with
    `@declare(closes=(...))`, else it is asked at the end only. A program is read by its
    stdout, with finish_reason "stop" only if it ended ok. `strip` is called as
    `(completion, options)` and returns the final text without thinking: a str, or a
    Stripped, which also holds the reasoning and whether it was cut off. `edit` is an
    object with `parse(text) -> EditScript`, which tells faults of the text in its
    diagnostics and does not raise; a recipe whose own step reads the edits may have
    another type, which `step:apply` refuses. All are pure, synchronous and linear in the
    text; an exception ends that chain and is recorded on it.
    """


@hookspec
def register_votes(register: Register) -> None:
    """Name votes and answer policies: kinds `vote` and `policy`.

    A vote is called as `(candidates, policy, options)` each time a chain ends, with all
    candidates so far in order of (chain, node), and returns a Tally. A policy is made as
    `thing(options)` and has `admit(canonical) -> value | None` (None: no vote),
    `order(value)` (a sort key; ties go to the larger), `fallback` (the answer when
    nobody voted, None to abstain) and `late` (the answer when the deadline had passed
    before anything was read, None to abstain). Pure and synchronous; an exception fails
    the solve.
    """


@hookspec
def register_stops(register: Register) -> None:
    """Name what starts and stops chains: kinds `stop`, `dispatch` and `guard`.

    A stop rule is called as `(state, options)` with a VoteState after each chain ends
    and returns Advice. A dispatcher is called as `(state, advice, in_flight, options)`
    at the same times, and once at the start, and returns how many chains to keep in
    flight; the solver keeps at least one while any is left. A guard is called as
    `(progress, options)` with a ChainProgress when a chain has written more, and returns
    a reason to end that chain or None. Pure and synchronous; an exception fails the
    solve.
    """


@hookspec
def register_steps(register: Register) -> None:
    """Name steps of your own in the solve: kinds `step` and `select`.

    Both are `async (inputs, ports, options) -> value`. `inputs` maps each parent node to
    its value, `ports` has `engines` (by role), `sandbox` and `problem`, and behind the
    chains also `chains` (their records) and the recipe's `policy`. Declare what it
    takes and gives with `@declare(takes=(...), gives=...)`, in the kinds of value of a
    recipe: prompt, completion, programs, executions, candidates, tally. A `step` runs
    once per chain and round, or once per solve behind a vote. A `select` waits for all
    chains and receives, per parent, the list of all chains' values. It may wait on the
    ports only, must let CancelledError through, and an exception ends its chain (a step)
    or fails the solve (a select, or a step behind one).
    """


@hookspec
def register_recipes(register: RegisterRecipe) -> None:
    """Ship recipes: call `register(toml)` with TOML text or a Path for each.

    They are loaded and checked after all other hooks ran, so a recipe may name any
    plugin; a recipe that does not check fails the load and is named.
    """


@hookspec
def chain_finished(problem: "Problem", chain: "ChainRecord") -> None:
    """Observe a chain that ended. Returns nothing; an exception is logged and dropped."""


@hookspec
def program_finished(problem: "Problem", chain: int, execution: "Execution") -> None:
    """Observe a program that ended. Returns nothing; an exception is logged and dropped."""


@hookspec
def verdict_reached(problem: "Problem", verdict: "Verdict") -> None:
    """Observe the verdict of a solve. Returns nothing; an exception is logged and dropped."""
