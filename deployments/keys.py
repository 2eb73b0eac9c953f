"""Know who may ask: API keys, kept as hashes, with the limits of each.

A key file is TOML, one table per key; the key itself is nowhere in it:

    [keys.alice]
    sha256 = "9f86d0..."          # of the whole key, in hexadecimal
    requests_per_minute = 60      # all four optional
    max_running = 4
    max_queued = 16
    admin = false

Keys are random and long, so a plain SHA-256 is enough: there is no dictionary to try.
The file is read again when it changes, so a key can be taken away from a running app.
"""

import hashlib
import hmac
import logging
import re
import secrets
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from votebox.deployments.solve_request import say
from votebox.plugins import VoteboxError

__all__ = ["ENVIRONMENT", "LOCAL", "Key", "KeyFileError", "KeyRing", "digest", "new_key"]

ENVIRONMENT: Final = "VOTEBOX_KEYS"
"""The variable that may hold keys: name=sha256 pairs, separated by commas."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_log = logging.getLogger(__name__)

_LOOK_S: Final = 2.0
"""How often the key file's time is looked at, in seconds."""

_log = logging.getLogger(__name__)


class KeyFileError(VoteboxError):
    """Report a key file or variable that cannot be used."""

    def __init__(self, where: str, problem: str, fix: str = "") -> None:
        super().__init__(where, problem, fix)
        self.where, self.problem, self.fix = where, problem, fix

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


class Key(BaseModel):
    """Name one caller and what it may do at once; None means as much as the app can.

    An admin sees and ends the solves of every key.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str = ""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", repr=False)] = "0" * 64
    requests_per_minute: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    max_running: Annotated[int, Field(ge=1)] | None = None
    max_queued: Annotated[int, Field(ge=0)] | None = None
    admin: bool = False


LOCAL: Final = Key(name="", admin=True)
"""Who asks where no keys are configured: somebody on this machine."""


class KeyRing:
    """Find the key of a request. An empty ring has no keys: everybody local may ask."""

    def __init__(self, file: Path | None = None, named: str = "") -> None:
        """Read the keys of `file` and of `named`, the value of ENVIRONMENT.

        Raises:
            KeyFileError: one of them cannot be used.
        """
        self._file = file
        self._fixed = _from_environment(named)
        self._read: dict[str, Key] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._looked = 0.0
        self.trouble: KeyFileError | None = None
        if file is not None:
            self._stamp = _stamp(file)
            self._read = read_keys(file)

    @property
    def required(self) -> bool:
        """Return whether a request needs a key."""
        return self._file is not None or bool(self._fixed)

    def find(self, bearer: str) -> Key | None:
        """Return the key whose text is `bearer`, None when there is none."""
        self._refresh()
        given = digest(bearer)
        found = None
        for key in (*self._fixed.values(), *self._read.values()):
            if hmac.compare_digest(given, key.sha256):
                found = key
        return found

    def _refresh(self) -> None:
        """Read a changed file; one that cannot be read leaves the keys as they were.

        The log says so once: a key somebody took away is still good then.
        """
        now = time.monotonic()
        if self._file is None or now - self._looked < _LOOK_S:
            return
        self._looked = now
        try:
            stamp = _stamp(self._file)
            if stamp != self._stamp:
                self._read = read_keys(self._file)
                self._stamp, self.trouble = stamp, None
        except KeyFileError as e:
            if str(e) != str(self.trouble):
                _log.error("the API keys stay as they were: %s", e)
            self.trouble = e


def digest(key: str) -> str:
    """Return what a key file holds of `key`."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def new_key() -> str:
    """Return a new key: 256 random bits."""
    return f"vb-{secrets.token_urlsafe(32)}"


def read_keys(file: Path) -> dict[str, Key]:
    """Return the keys of a file by name.

    Raises:
        KeyFileError: it cannot be read, is no TOML, or describes a key wrongly.
    """
    try:
        told = tomllib.loads(file.read_text("utf-8"))
    except OSError as e:
        raise KeyFileError(str(file), f"cannot be read: {e.strerror}") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise KeyFileError(str(file), f"is not TOML: {e}") from e
    unknown = [name for name in told if name != "keys"]
    tables = told.get("keys", {})
    if unknown or not isinstance(tables, dict):
        named = unknown[0] if unknown else "keys"
        raise KeyFileError(str(file), f"does not know {named!r}", "each key is a [keys.NAME]")
    return {name: _key(name, table, str(file)) for name, table in tables.items()}


def _key(name: str, fields: Any, where: str) -> Key:
    check_name(name, where)
    if not isinstance(fields, Mapping) or "sha256" not in fields:
        fix = "`votebox keys new NAME` makes one"
        raise KeyFileError(where, f"key {name!r} has no sha256", fix)
    try:
        return Key.model_validate({**fields, "name": name})
    except ValidationError as e:
        raise KeyFileError(where, f"key {name!r}: {' '.join(say(e, Key)).strip()}") from e


def check_name(name: str, where: str) -> None:
    """Refuse a name that is not one; raise KeyFileError."""
    if not _NAME.fullmatch(name):
        fix = "take letters, digits, dots, dashes and underscores, at most 64"
        raise KeyFileError(where, f"{name!r} is no name of a key", fix)


def _from_environment(named: str) -> dict[str, Key]:
    keys = {}
    for pair in filter(None, (part.strip() for part in named.split(","))):
        name, _, value = pair.partition("=")
        if not value:
            # The text may be a key somebody put there unhashed: it is not repeated.
            raise KeyFileError(ENVIRONMENT, "an entry is not NAME=SHA256")
        keys[name] = _key(name, {"sha256": value}, ENVIRONMENT)
    return keys


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError as e:
        raise KeyFileError(str(file), f"cannot be read: {e.strerror}") from e
    return found.st_mtime_ns, found.st_size, found.st_ino
