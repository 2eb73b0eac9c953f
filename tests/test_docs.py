"""Hold the documents to the code: blocks run, recipes load, hooks have their headings."""

import inspect
import re
import tomllib
from pathlib import Path

import pytest

from votebox.plugins import Registry, hookspecs, load_recipe

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (f"{page.name}-{number}", text)
        for page in PAGES
        for number, (tag, text) in enumerate(BLOCK.findall(page.read_text()))
        if tag == language
    ]


@pytest.mark.parametrize(("name", "code"), blocks("python"), ids=[n for n, _ in blocks("python")])
def test_a_python_block_runs(name: str, code: str) -> None:
    exec(compile(code, name, "exec"), {"__name__": name})  # noqa: S102 - our own documents


@pytest.mark.parametrize(("name", "text"), blocks("toml"), ids=[n for n, _ in blocks("toml")])
def test_a_toml_block_parses_and_a_recipe_loads(name: str, text: str) -> None:
    if "nodes" in tomllib.loads(text) and "name" in tomllib.loads(text):
        assert load_recipe(text, Registry.load()).chains >= 1


def test_every_hook_has_its_signature_as_a_heading() -> None:
    hooks = {
        f"{name}{'(' + ', '.join(inspect.signature(hook).parameters) + ')'}"
        for name, hook in vars(hookspecs).items()
        if hasattr(hook, "votebox_spec")
    }
    headings = re.findall(
        r"^### (\w+\(.*\))$", (ROOT / "docs/plugins.md").read_text(), re.MULTILINE
    )
    assert set(headings) == hooks


@pytest.mark.parametrize("page", PAGES, ids=[p.name for p in PAGES])
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert not [t for t in targets if not (page.parent / t).exists()]
