"""Read the file that says which endpoint serves which role of a recipe: `--endpoints FILE`.

    [architect]
    url = "https://openrouter.ai/api/v1"
    model = "qwen/qwq-32b"
    key_env = "OPENROUTER_API_KEY"

One table for each role; `[default]` serves the roles that have none. A key never stands in
the file: `key_env` names the environment variable with it. Nothing is asked here.
"""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator

from votebox.deployments.endpoint_rules import EndpointRules
from votebox.plugins import VoteboxError

__all__ = ["DEFAULT_ROLE", "EndpointTable", "EndpointsError", "read_endpoints", "serving"]

DEFAULT_ROLE: Final = "default"
"""The table that serves every role without a table of its own."""

_MOST_BYTES: Final = 1_000_000
_SECRETS: Final = frozenset({"key", "api_key", "apikey", "token", "secret", "authorization"})
_ROLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}+")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}+")


class EndpointsError(VoteboxError, ValueError):
    """Report an endpoint file that cannot be used: `where` is the file and table."""

    def __init__(self, where: str, problem: str, fix: str = "") -> None:
        super().__init__(where, problem, fix)
        self.where, self.problem, self.fix = where, problem, fix

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


class EndpointTable(EndpointRules):
    """Say where a role's model is asked.

    `url` is the API's base, usually ending in /v1. `model` "" means the first that it lists.
    `key_env` "" sends no key. At most `concurrency` requests run at once.
    """

    url: str
    model: str = ""
    key_env: str = ""
    concurrency: int = Field(default=64, ge=1, le=4096)

    @field_validator("url")
    @classmethod
    def _is_a_base(cls, url: str) -> str:
        """Return the URL without a slash at its end; refuse one that is none, or has a secret."""
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("it is not an HTTP URL; write http://HOST:PORT/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("it holds more than a place; put a key into a variable (key_env)")
        return url.rstrip("/")

    @field_validator("key_env")
    @classmethod
    def _is_a_variable(cls, name: str) -> str:
        """Refuse what is no name of a variable, perhaps the key itself, without repeating it."""
        if name and not _VARIABLE.fullmatch(name):
            raise ValueError("it is no name of an environment variable; the key goes into one")
        return name

    @property
    def rules(self) -> EndpointRules:
        """Return the rules alone, as an engine takes them."""
        return EndpointRules(**{k: getattr(self, k) for k in EndpointRules.model_fields})


def read_endpoints(path: str | Path) -> dict[str, EndpointTable]:
    """Return the tables of an endpoint file by role.

    Raises:
        EndpointsError: it cannot be read, holds a key, or a value does not fit.
    """
    name = str(path)
    tables = _toml(name)
    if not tables:
        fix = 'add a table for each role: [reasoner], url = "http://HOST:PORT/v1"'
        raise EndpointsError(name, "names no endpoint", fix)
    return {role: _table(name, role, table) for role, table in tables.items()}


def serving(
    name: str, tables: Mapping[str, EndpointTable], roles: Sequence[str]
) -> dict[str, EndpointTable]:
    """Return the table that serves each role of a recipe; `name` is the file's.

    Raises:
        EndpointsError: none does, or the variable with a key is empty.
    """
    found: dict[str, EndpointTable] = {}
    for role in roles:
        table = tables.get(role) or tables.get(DEFAULT_ROLE)
        if table is None:
            known = ", ".join(sorted(tables))
            fix = f"add a table [{role}], or [{DEFAULT_ROLE}] for all that have none"
            raise EndpointsError(name, f"has no endpoint for role {role!r} ({known})", fix)
        if table.key_env and not os.environ.get(table.key_env, "").strip():
            own = role if role in tables else DEFAULT_ROLE
            problem = f"key_env names the variable {table.key_env}, which is not set"
            fix = f"export {table.key_env}, or take key_env out where no key is needed"
            raise EndpointsError(f"{name}, [{own}]", problem, fix)
        found[role] = table
    return found


def _toml(name: str) -> dict[str, Any]:
    try:
        with Path(name).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as e:  # ValueError: a name with a null character
        raise EndpointsError(name, f"cannot be read: {e}", "check the path") from e
    if len(content) > _MOST_BYTES:
        raise EndpointsError(name, f"has more than {_MOST_BYTES:,} bytes", "check the path")
    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as e:
        problem = f"is no TOML: {e}" if isinstance(e, tomllib.TOMLDecodeError) else "is no TOML"
        raise EndpointsError(name, problem, "mend the file") from e


def _table(name: str, role: str, table: Any) -> EndpointTable:
    where = f"{name}, [{role[:64]}]"
    if not _ROLE.fullmatch(role):
        fix = "name roles as recipes do after `model:`"
        raise EndpointsError(where, "is no name of a role", fix)
    if not isinstance(table, dict):
        fix = f"put it into the table of a role, as [{DEFAULT_ROLE}]"
        raise EndpointsError(where, "is no table", fix)
    if secrets := sorted(_SECRETS & {key.casefold() for key in table}):
        fix = 'put it into an environment variable and name that: key_env = "MY_KEY"'
        raise EndpointsError(where, f"{secrets[0]}: no key stands in this file", fix)
    try:
        return EndpointTable.model_validate(table)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise EndpointsError(where, f"{key}: {_said(first, table)}", _fix(first)) from None


def _said(error: Mapping[str, Any], table: Mapping[str, Any]) -> str:
    """Return what is wrong with a value; that of `key_env` may be a key and is not shown."""
    message = str(error["msg"]).removeprefix("Value error, ")
    value: Any = table
    for part in error["loc"]:
        inside = isinstance(value, (dict, list)) and error["type"] != "missing"
        value = value[part] if inside else None
    hidden = error["type"] == "missing" or error["loc"][0] in ("key_env", "url", "extra")
    return message if hidden or isinstance(value, dict) else f"{value!r:.80}: {message}"


def _fix(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return f"known keys: {', '.join(sorted(EndpointTable.model_fields))}"
    return "add it" if error["type"] == "missing" else "mend the value"
