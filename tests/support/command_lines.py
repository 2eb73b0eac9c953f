"""Hold command lines in documents to the real command line, without running them."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import typer.main

from votebox.cluster.cli import app

ENDS = {"&&", "||", ";", "|", "&", "(", ")", "{", "}"}
REDIRECTIONS = {">", ">>", "<"}
ASSIGNED = re.compile(r"[A-Z_]+=.*+", re.DOTALL)


def check_script(text: str) -> None:
    """Raise AssertionError or a usage error for the first `votebox` command that is wrong.

    >>> check_script("uv run votebox solve 'What?' --no-such-option")
    Traceback (most recent call last):
    AssertionError: votebox solve 'What?' --no-such-option: No such option: --no-such-option
    """
    for words in commands(text):
        if words[0] == "votebox":
            check_command(words[1:])


def commands(text: str) -> Iterator[list[str]]:
    """Give the words of every simple command of a shell script."""
    words: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for word in [*lexer, ";"]:
            if word not in ENDS:
                words.append(word)
                continue
            if found := plain(words):
                yield found
            words = []


def plain(words: list[str]) -> list[str]:
    """Drop what is not the command's: assignments, `env`, `uv run`, where its output goes."""
    aims = {i for i, word in enumerate(words) if word in REDIRECTIONS}
    words = [word for i, word in enumerate(words) if not {i, i - 1} & aims]
    while words and (ASSIGNED.fullmatch(words[0]) or words[0] in {"env", "time"}):
        words = words[1:]
    return words[2:] if words[:2] == ["uv", "run"] else words


def check_command(words: list[str]) -> None:
    """Parse one command of votebox; files it names need not be there."""
    command: Any = typer.main.get_command(app)
    said = f"votebox {shlex.join(words)}"
    left = list(words)
    while hasattr(command, "commands"):
        context = command.context_class(command, info_name=command.name)
        _, left, _ = parsed(command, context, left, said)
        if not left:
            assert command.invoke_without_command, f"{said}: names no command"
            return
        name, *left = left
        assert name in command.commands, f"{said}: there is no command {name!r}"
        command = command.commands[name]
    context = command.context_class(command, info_name=command.name)
    given, rest, _ = parsed(command, context, left, said)
    assert not rest, f"{said}: what is {rest}?"
    places = {param.name for param in command.params} >= {"local", "endpoint"}
    if places and str(given.get("recipe")).endswith(".toml"):
        here = [given[name] for name in ("local", "endpoint", "replay") if given.get(name)]
        assert here, f"{said}: an app reads no recipe's file; give --local or --endpoint"
    for param in command.params:
        value = given.get(param.name)
        if param.required:
            assert value is not None, f"{said}: {param.name} is missing"
        if value is not None and "path" not in repr(param.type_descriptor).lower():
            convert(param, context, value, said)


def convert(param: Any, context: Any, value: Any, said: str) -> None:
    """Read a value as the option's type, without its callback."""
    try:
        param.process_value(context, value)
    except Exception as e:
        raise AssertionError(f"{said}: {getattr(e, 'message', e)}") from e


def parsed(command: Any, context: Any, words: list[str], said: str) -> Any:
    """Return (values by name, words left, order) of a command's own options."""
    try:
        return command.make_parser(context).parse_args(list(words))
    except Exception as e:
        # Typer's errors have no public name; each has a message.
        raise AssertionError(f"{said}: {getattr(e, 'message', e)}") from e
