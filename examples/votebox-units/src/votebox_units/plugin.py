"""Register what reads, compares and elects answers with units."""

from pathlib import Path

from votebox.plugins import Register, RegisterRecipe, hookimpl
from votebox_units.closeness import CloseOptions, Figures, FiguresOptions, close
from votebox_units.prompt import AskOptions, ask
from votebox_units.reader import QuantityOptions, quantity


@hookimpl
def register_prompts(register: Register) -> None:
    """Register the prompt provider."""
    register("prompt:units-ask", ask, options=AskOptions)


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the reader of quantities."""
    register("extract:units-quantity", quantity, options=QuantityOptions)


@hookimpl
def register_votes(register: Register) -> None:
    """Register the policy and the vote."""
    register("policy:units-figures", Figures, options=FiguresOptions)
    register("vote:units-close", close, options=CloseOptions)


@hookimpl
def register_recipes(register: RegisterRecipe) -> None:
    """Register the recipe for lengths."""
    register(Path(__file__).with_name("units.toml"))
