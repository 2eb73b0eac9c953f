"""Hold the live page: its files as they are sent, and what a browser may do with them.

The files are static and ship with the package (page/): no build step, nothing from
elsewhere. Knows no framework; a server maps paths to `page_files()` and answers with what
`PageFile.headers` says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from typing import Final

__all__ = ["SECURITY", "PageFile", "page_files"]

SECURITY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "content-security-policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
    }
)
"""The headers of every file: only what this server sends runs, and nobody may frame it."""

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """Hold one file: its bytes, its media type, and an etag that names its content."""

    content: bytes
    media_type: str
    etag: str

    @property
    def headers(self) -> dict[str, str]:
        """Return all headers of the reply; a browser asks each time whether it has changed."""
        sent = {"content-type": self.media_type, "etag": self.etag, "cache-control": "no-cache"}
        return {**SECURITY, **sent}

    def unchanged(self, if_none_match: str | None) -> bool:
        """Return whether the caller holds this content, by its `If-None-Match` header."""
        held = (tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(","))
        return any(tag in (self.etag, "*") for tag in held)


@cache
def page_files() -> Mapping[str, PageFile]:
    """Return the files by path: "/" is the page, "/page/NAME" what it loads."""
    found = {}
    for item in files(__package__).joinpath("page").iterdir():
        suffix = "." + item.name.rpartition(".")[2]
        if suffix not in _TYPES:
            continue  # an editor's backup, a compiled file
        content = item.read_bytes()
        etag = f'"{sha256(content).hexdigest()[:32]}"'
        path = "/" if item.name == "index.html" else f"/page/{item.name}"
        found[path] = PageFile(content, _TYPES[suffix], etag)
    return MappingProxyType(found)
