"""Register the readers, the step, the select, the rules, the recipe and the observers."""

from pathlib import Path

from votebox.plugins import Register, RegisterRecipe, hookimpl
from votebox_selfcheck.confirming import ConfirmOptions, confirm, confirmed

# An observer is a function of the module itself: its name is the hook.
from votebox_selfcheck.journal import chain_finished, program_finished, verdict_reached
from votebox_selfcheck.pacing import (
    DoubtOptions,
    StreakOptions,
    WaveOptions,
    doubt,
    streak,
    waves,
)
from votebox_selfcheck.reading import Corrections, asserts, without_scratch

__all__ = ["chain_finished", "program_finished", "verdict_reached"]


@hookimpl
def register_extractors(register: Register) -> None:
    """Register what reads replies."""
    register("code:selfcheck-asserts", asserts)
    register("strip:selfcheck-scratch", without_scratch)
    register("edit:selfcheck-corrections", Corrections())


@hookimpl
def register_stops(register: Register) -> None:
    """Register the rules that start and stop chains."""
    register("stop:selfcheck-streak", streak, options=StreakOptions)
    register("dispatch:selfcheck-waves", waves, options=WaveOptions)
    register("guard:selfcheck-doubt", doubt, options=DoubtOptions)


@hookimpl
def register_steps(register: Register) -> None:
    """Register the step and the select."""
    register("step:selfcheck-confirm", confirm, options=ConfirmOptions)
    register("select:selfcheck-confirmed", confirmed)


@hookimpl
def register_recipes(register: RegisterRecipe) -> None:
    """Register the recipe."""
    register(Path(__file__).with_name("selfcheck.toml"))
