"""Refuse what cannot work before anything slow starts.

Each check raises BadUsage naming the value and the fix, or Failed for what the machine
lacks. The first group imports nothing; the second imports the rooms it asks.
"""

import errno
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from votebox.cluster.errors import BadUsage, Failed, translated

if TYPE_CHECKING:
    from votebox.plugins import Recipe, Registry, SolveOptions

__all__ = [
    "DEFAULT_RECIPE",
    "KEY_ENV",
    "check_host",
    "check_keys",
    "check_limits",
    "check_model",
    "check_options",
    "check_port_free",
    "check_recipe",
    "check_sandbox",
    "check_url",
    "least_share",
    "read_question",
]

DEFAULT_RECIPE: Final = "vote"
"""The recipe of a solve that names none."""

KEY_ENV: Final = "VOTEBOX_API_KEY"
"""The environment variable with the key of an app."""

_MOST_CHARS: Final = 100_000
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def read_question(argument: str) -> str:
    """Return the question; `-` reads stdin."""
    text = argument
    if argument == "-":
        try:
            given = sys.stdin.buffer.read(4 * _MOST_CHARS + 4)
            cut = len(given) > 4 * _MOST_CHARS  # perhaps within a character, and too long anyway
            text = given.decode("utf-8", "ignore" if cut else "strict")
        except UnicodeDecodeError as e:
            raise BadUsage("the question on stdin is not UTF-8 text", "convert it") from e
    if not text.strip():
        raise BadUsage("the question is empty", 'write one: votebox solve "What is 6 times 7?"')
    if len(text) > _MOST_CHARS:
        size = f"more than {_MOST_CHARS:,}" if argument == "-" else f"{len(text):,}"
        raise BadUsage(f"the question has {size} characters", f"give at most {_MOST_CHARS:,}")
    try:
        text.encode()
    except UnicodeEncodeError as e:
        raise BadUsage("the question is not valid UTF-8 text", "convert it") from e
    return text


def check_url(option: str, url: str) -> str:
    """Return the base URL without a trailing slash."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise BadUsage(f"{option} {url!r} is not an HTTP URL", "write http://HOST:PORT")
    return url.rstrip("/")


def check_host(host: str, key_file: str | None) -> None:
    """Refuse to listen where others can reach an app that asks nobody for a key."""
    from votebox.deployments.keys import ENVIRONMENT

    if host not in _LOOPBACK and not key_file and not os.environ.get(ENVIRONMENT):
        raise BadUsage(
            f"--host {host!r} would open the app to the network without keys",
            "make one with `votebox keys new NAME --file keys.toml` and add --keys keys.toml",
        )


def check_keys(file: str | None) -> str | None:
    """Return the absolute path of a key file; raise BadUsage when it cannot be used."""
    from votebox.deployments.keys import ENVIRONMENT, KeyFileError, KeyRing

    try:
        KeyRing(Path(file) if file else None, os.environ.get(ENVIRONMENT, ""))
    except KeyFileError as e:
        raise BadUsage(f"{e.where}: {e.problem}", e.fix) from e
    return str(Path(file).absolute()) if file else None


def check_port_free(host: str, port: int) -> None:
    """Refuse a port that somebody listens on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as e:
            problem = f"port {port} on {host} is not yours to listen on"
            raise BadUsage(problem, "choose one above 1023 with --port") from e
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise BadUsage(f"--host {host!r} cannot be listened on: {e}") from e
            free = f"stop what listens there or choose another with --port {port + 1}"
            raise BadUsage(f"port {port} on {host} is in use", free) from e


def check_recipe(name: str, registry: "Registry", *, files: bool = True) -> "Recipe":
    """Return the recipe called `name`, or the one in the TOML file `name`.

    `files` False refuses a file, for an app that knows recipes by name alone.
    """
    from votebox.plugins import RecipeError, load_recipe

    try:
        if not name.endswith(".toml"):
            return registry.recipe(name)
        recipe = load_recipe(Path(name), registry)
    except RecipeError as e:
        raise translated(e) from e
    if not files:
        raise BadUsage(
            f"--recipe {name} is a file, which a running app cannot read",
            "add --local or --endpoint, or register it in a plugin",
        )
    return recipe


def check_options(
    given: Mapping[str, Any], recipe: "Recipe", registry: "Registry"
) -> "SolveOptions":
    """Return the options of a solve; refuse those that this recipe cannot be solved with."""
    from votebox.plugins import SolveOptions, VoteboxError
    from votebox.plugins.overrides import overridden

    try:
        options = SolveOptions(**given)
        overridden(recipe, options, registry)
    except VoteboxError as e:
        raise translated(e) from e
    return options


def check_limits(recipe: "Recipe") -> None:
    """Refuse limits that no sandbox of this machine's own grants, before it starts."""
    from votebox.sandbox import DEFAULT_CAPS, LimitError

    for node in recipe.nodes.values():
        try:
            if node.kind == "sandbox":
                node.limits.check(DEFAULT_CAPS)
        except LimitError as e:
            raise BadUsage(f"recipe {recipe.name}, node {node.name}: {e}") from e


def check_model(source: str) -> str:
    """Return where a model is, a folder or a hub id; refuse one no engine could load."""
    from votebox.deployments.model_source import check_model as find_model
    from votebox.plugins import EngineError

    try:
        return find_model(source)
    except EngineError as e:
        raise BadUsage(f"--model {source!r}: {e.problem}", e.fix) from e


def least_share(min_confidence: float | None, calibration: str | None) -> float | None:
    """Return the share of votes to abstain below.

    With a file of `votebox calibrate`, `min_confidence` is a chance of being right.
    """
    if calibration is None:
        return min_confidence
    if min_confidence is None:
        raise BadUsage("--calibration needs --min-confidence", "give both, as 0.8")
    from votebox.plugins import ProblemError, read_calibration

    try:
        mapping = read_calibration(calibration)
    except ProblemError as e:
        raise translated(e) from e
    least = mapping.least(min_confidence)
    if least is None:
        problem = f"--min-confidence {min_confidence:g}: no vote is right with that chance"
        raise BadUsage(problem, f"after {calibration}, give at most {mapping.chance(1.0):.3g}")
    return least


def check_sandbox() -> None:
    """Run one program in the sandbox; raise Failed with what is missing."""
    import asyncio

    from votebox.sandbox import SandboxError, probe

    try:
        found = asyncio.run(probe())
    except SandboxError as e:
        raise translated(e) from e
    if not found.ok:
        broken = next((c for c in found.checks if not c.ok), None)
        problem = f"{broken.name}: {broken.found}" if broken else "no isolation on this host"
        fix = broken.fix if broken else ""
        raise Failed(f"the sandbox cannot run here: {problem}", fix or "see `votebox doctor`")
