"""Add to the site the pages that stand elsewhere, or that only a site can show.

MkDocs calls `on_files` once. The changelog and the model's card are in the repository, one
place each; the Python reference is made of docstrings, so on a plain code host there is
nothing to see of it and no file for it.
"""

import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

__all__ = ["on_files", "on_page_markdown"]

_ROOT: Final = Path(__file__).parents[2]
_ELSEWHERE: Final = {"changelog.md": "CHANGELOG.md", "mini.md": "deployments/mini/README.md"}
_ROOMS: Final = ("plugins", "sandbox", "deployments", "cluster")
_LINK: Final = re.compile(r"\]\(((?:\.\./)++[^)#\s]++)(#[^)\s]*+)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages = {page: (_ROOT / path).read_text("utf-8") for page, path in _ELSEWHERE.items()}
    pages |= {f"reference/{room}.md": _reference(room) for room in _ROOMS}
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Turn links to files outside the site into their names, where no page holds them.

    >>> on_page_markdown("[how](../benchmarks/batch/README.md) and [what](recipes.md)")
    'how (`benchmarks/batch/README.md`) and [what](recipes.md)'
    """
    return re.sub(r"\[([^\]]++)" + _LINK.pattern, _named, markdown)


def _named(match: re.Match[str]) -> str:
    words, path = match[1], match[2].replace("../", "")
    for page, source in _ELSEWHERE.items():
        if path == source:
            return f"[{words}]({page}{match[3] or ''})"
    return f"{words} (`{path}`)"


def _reference(room: str) -> str:
    """Return the page of a room, which is made of the docstrings of its public names."""
    name = f"votebox.{room}"
    page = f"# {name}\n\n::: {name}\n"
    if (_ROOT / room / "testing.py").exists():
        options = "    options:\n      show_root_heading: true\n      show_root_full_path: true\n"
        page += f"\n::: {name}.testing\n{options}"
    return page
