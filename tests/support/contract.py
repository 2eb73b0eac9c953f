"""Build small recipes, registries and fake ports for the tests of the contract."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from votebox.plugins import Prompt, Reading, Registry, declare, hookimpl
from votebox.sandbox import Execution, Limits


def ok(stdout: str) -> Execution:
    return Execution("ok", stdout, "", 0, None, 0.01, 0.01, 1.0, False, "fake")


@dataclass
class FakeBox:
    """Answer each program with a plain function; remember what ran and what was killed."""

    answer: Callable[[str], Execution | str] = lambda code: ok("")
    pause_s: float = 0.0
    ran: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)

    async def run(
        self,
        code: str,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        session: str | None = None,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str = "",
    ) -> Execution:
        self.ran.append(code)
        try:
            await asyncio.sleep(self.pause_s)
        except asyncio.CancelledError:
            self.killed.append(code)
            raise
        made = self.answer(code)
        return ok(made) if isinstance(made, str) else made


def plugin(**hooks: Callable[..., Any]) -> Any:
    """Make a plugin object from plain functions named like hooks."""
    marked = {name: staticmethod(hookimpl(function)) for name, function in hooks.items()}
    return type("plugin", (), marked)()


def ask(problem: Any, chain: Any, round: int, options: Any) -> Any:
    """Ask the question once."""
    return Prompt.of(problem.text, label=f"wording-{chain.index % 2}") if round == 0 else None


def last_word(text: str, finish_reason: str | None, options: Any) -> list[Reading]:
    """Read the last word when it is a number."""
    words = text.split()
    if not words or not words[-1].lstrip("-").isdigit():
        return []
    start = text.rindex(words[-1])
    return [Reading(words[-1], (start, start + len(words[-1])))]


@declare(closes=("</py>",))
def tagged_code(text: str, finish_reason: str | None, options: Any) -> list[Reading]:
    """Read programs between <py> and </py>."""
    return [
        Reading(part.split("</py>")[0], complete="</py>" in part) for part in text.split("<py>")[1:]
    ]


def _extractors(register: Any) -> None:
    register("extract:last-word", last_word)
    register("code:tagged", tagged_code)


TEST_PLUGIN = plugin(
    register_prompts=lambda register: register("ask", ask),
    register_extractors=_extractors,
)


def registry(*extra: Any) -> Registry:
    return Registry.load(extra=(TEST_PLUGIN, *extra), allowed=())


def toml(**changes: str) -> str:
    """Return a small whole recipe; `changes` replace a part by its name."""
    parts = {
        "head": 'name = "small"\nchains = 4\npolicy = "any-int"',
        "ask": '[nodes.ask]\nuse = "prompt:ask"',
        "think": '[nodes.think]\nuse = "model:reasoner"\nafter = ["ask"]',
        "read": '[nodes.read]\nuse = "extract:last-word"\nafter = ["think"]',
        "elect": '[nodes.elect]\nuse = "vote:majority"\nafter = ["read"]',
        "stop": '[stop]\nuse = "stop:never"',
        "dispatch": '[dispatch]\nuse = "dispatch:all"',
        "tail": "",
    }
    assert set(changes) <= set(parts), changes
    return "\n".join({**parts, **changes}.values())
