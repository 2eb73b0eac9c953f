"""Hold what is public to the list people build on: a change is made on purpose or not at all."""

import ast
import difflib
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from public_surface import MODULES, ROOT, definition, parsed, surface, told

REMEDY = """
What is public has changed. If that is meant and docs/stability.md allows it:
    uv run python tests/support/public_surface.py > docs/public.txt
and a line in CHANGELOG.md."""


def test_what_is_public_is_what_the_list_says() -> None:
    listed = (ROOT / "docs/public.txt").read_text().splitlines()
    changed = difflib.unified_diff(listed, surface(), "docs/public.txt", "the code", lineterm="")
    text = "\n".join(changed)
    assert not text, text + REMEDY


def test_the_list_tells_a_renamed_argument_a_lost_default_and_a_field(tmp_path: Path) -> None:
    def lines(source: str) -> list[str]:
        (node,) = ast.parse(source).body
        return [*told("m.f", node)]

    assert lines("def f(a: int, *, b=3): ...") == ["m.f(a, *, b=...)"]
    assert lines("def f(a: int, *, c=3): ...") == ["m.f(a, *, c=...)"]
    assert lines("def f(a, *, b): ...") == ["m.f(a, *, b)"]
    assert lines("class F(X):\n    a: int = 3\n    _b: int\n    def g(self, y): ...") == [
        "class m.f(X)",
        "m.f.a: int = ...",
        "m.f.g(self, y)",
    ]


def test_the_stability_page_names_every_module_of_the_list() -> None:
    page = (ROOT / "docs/stability.md").read_text()
    assert [module for module in MODULES if f"`{module}`" not in page] == []


@pytest.mark.parametrize("room", ["sandbox", "plugins", "deployments", "cluster"])
def test_no_public_name_is_that_of_a_module_of_its_room(room: str) -> None:
    """Importing the module would put it in the place of the name."""
    names = set(importlib.import_module(f"votebox.{room}").__all__)
    assert names & {path.stem for path in (ROOT / room).glob("*.py")} == set()


def test_the_plugins_room_imports_each_name_from_where_type_checkers_see_it() -> None:
    module = importlib.import_module("votebox.plugins")
    seen = {
        alias.name: node.module
        for node in ast.walk(parsed("votebox.plugins"))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("votebox.")
        for alias in node.names
    }
    assert seen == module._HOME
    assert set(module.__all__) == set(seen)


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    module = importlib.import_module("votebox.plugins")
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        module.nonsense  # noqa: B018
    with pytest.raises(LookupError, match=r"votebox\.plugins has no nonsense"):
        definition("votebox.plugins", "nonsense")


def test_importing_the_plugins_room_imports_nothing_of_it_before_it_is_asked() -> None:
    code = "import sys, votebox.plugins as p; print('pydantic' in sys.modules, len(vars(p)) < 20)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
