"""Read the code blocks of the documents, and do what they say.

What becomes of a block is decided by its language, or by a comment on the line above it:

    <!-- parsed: REASON -->   it cannot run here; it is read, down to names and options
    <!-- file: NAME -->       it is written to this file in the page's folder, for what follows
    <!-- output -->           it is what the block before it printed, letter by letter
    <!-- exit: N -->          its last command ends with this exit code

Without one, `python` and `sh` run, in order, in one namespace and one folder for each page;
`toml`, `json` and `yaml` are read, a recipe is loaded; `text` and `mermaid` are only shown.
"""

import ast
import contextlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from command_lines import check_script
from markdown_it import MarkdownIt

from votebox.plugins import Registry, load_recipe

MARK = re.compile(r"<!-- (parsed|file|output|exit)(?:: ([^\n]+?))? -->")
ADDRESS = "127.0.0.1:8000"
SOLVE_ID = re.compile(r"(?<!\d)\d{8}-\d{6}-\d{3}-[0-9a-f]{10}\b")
SHOWN = {"text", "mermaid", ""}


@dataclass(frozen=True, slots=True)
class Block:
    """Hold one block: where it stands, and what its comment says."""

    page: str
    line: int
    language: str
    text: str
    mark: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order, with the comment above each."""
    found, before = [], ""
    for token in MarkdownIt().parse(page.read_text("utf-8")):
        if token.type == "fence":
            mark = MARK.fullmatch(before)
            kind, value = (mark[1], mark[2] or "") if mark else ("", "")
            line = (token.map or [0])[0] + 1
            found.append(Block(page.name, line, token.info.strip(), token.content, kind, value))
        before = token.content.strip() if token.type == "html_block" else ""
    return found


class Page:
    """Run the blocks of one page in order; `address` and `last_id` are those of the app."""

    def __init__(self, name: str, folder: Path, app: "App | None" = None) -> None:
        self.folder, self.app = folder, app
        self.module = ModuleType(f"page_{name}")
        self.printed = ""
        if app:  # what `votebox solve` kept, where pages look for it
            (folder / "traces").symlink_to(app.state / "votebox/traces")

    def do(self, block: Block) -> None:
        """Do what the block says; raise AssertionError, or what its code raises."""
        if block.mark == "output":
            assert self.printed == block.text, f"{block}: printed was {self.printed!r}"
        elif block.mark == "file":
            (self.folder / block.value).write_text(block.text, "utf-8")
        if block.language == "python":
            self._python(block)
        elif block.language == "sh":
            self._shell(block)
        elif block.language == "toml":
            self._toml(block)
        elif block.language == "json":
            for text in block.text.splitlines() if block.value.endswith(".jsonl") else [block.text]:
                json.loads(text)
        elif block.language == "yaml":
            list(yaml.safe_load_all(block.text))
        else:
            assert block.language in SHOWN, f"{block}: nobody knows what {block.language!r} is"

    def _python(self, block: Block) -> None:
        # Lines keep their numbers, so that a traceback points into the page.
        source = "\n" * block.line + block.text
        tree = compile(source, block.page, "exec", ast.PyCF_ONLY_AST)
        if block.mark == "parsed":
            check_imports(tree)
            return
        if block.mark == "file":
            return
        code = compile(self._here(source), block.page, "exec")
        said = io.StringIO()
        with self._inside(), contextlib.redirect_stdout(said):
            exec(code, vars(self.module))  # noqa: S102 - our own documents
        self.printed = said.getvalue()

    def _shell(self, block: Block) -> None:
        check_script(block.text)
        if block.mark == "parsed":
            return
        script = self._here(block.text.replace("uv run ", ""))
        ran = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        wanted = int(block.value) if block.mark == "exit" else 0
        assert ran.returncode == wanted, f"{block}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        self.printed = ran.stdout

    def _toml(self, block: Block) -> None:
        table = tomllib.loads(block.text)
        if "nodes" in table and "name" in table and block.mark != "file":
            # Plugins that the page has made so far may be named.
            own = [self.module] if hasattr(self.module, "hookimpl") else []
            load_recipe(block.text, Registry.load(extra=own, allowed=()))

    def _here(self, text: str) -> str:
        """Return the block with the address and the last solve of the app that runs here."""
        if self.app is None:
            return text
        text = text.replace(ADDRESS, self.app.address)
        return SOLVE_ID.sub(self.app.last_id, text) if SOLVE_ID.search(text) else text

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("VOTEBOX_", "RAY_"))}
        (self.folder / ".curlrc").write_text("silent\nshow-error\nfail-with-body\nmax-time = 60\n")
        state = self.app.state if self.app else self.folder / ".state"
        return {
            **kept,
            "COLUMNS": "100",
            "CURL_HOME": str(self.folder),
            "PATH": f"{Path(sys.executable).parent}:{kept.get('PATH', '')}",
            "VOTEBOX_API_KEY": "none-needed",
            "XDG_STATE_HOME": str(state),
        }

    @contextlib.contextmanager
    def _inside(self) -> Any:
        """Work in the page's folder, as a module that can be found, as a dataclass needs."""
        before = Path.cwd()
        sys.modules[self.module.__name__] = self.module
        os.chdir(self.folder)
        sys.path.insert(0, str(self.folder))
        try:
            yield
        finally:
            os.chdir(before)
            sys.path.remove(str(self.folder))
            for name, module in list(sys.modules.items()):
                if module is self.module or self._is_ours(module):
                    del sys.modules[name]

    def _is_ours(self, module: ModuleType) -> bool:
        """Say whether a module is a file that the page wrote."""
        file = getattr(module, "__file__", None)
        return file is not None and Path(file).parent == self.folder


@dataclass(frozen=True, slots=True)
class App:
    """Point at the app that pages ask: `address` is host:port, `state` the state folder."""

    address: str
    state: Path

    @property
    def last_id(self) -> str:
        """Return the id of the solve it took on last."""
        import httpx

        solves = httpx.get(f"http://{self.address}/v1/solves", params={"limit": 1}).json()
        return str(solves["data"][0]["id"])


def check_imports(tree: ast.AST) -> None:
    """Find every name of votebox that a program imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("votebox"):
            module = importlib.import_module(node.module or "")
            missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
            assert not missing, f"{node.module} has no {missing}"
