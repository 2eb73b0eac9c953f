"""Ship the recipes: every TOML file of the folder `recipes` beside this one."""

from pathlib import Path

from votebox.plugins import RegisterRecipe, hookimpl


@hookimpl
def register_recipes(register: RegisterRecipe) -> None:
    """Register the shipped recipes in order of name."""
    for path in sorted(Path(__file__).with_name("recipes").glob("*.toml")):
        register(path)
