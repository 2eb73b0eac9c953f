"""See to it that the big packages are compiled to bytecode.

Inside the jail the packages are read-only, so an interpreter there cannot keep what it
compiles. Installers such as uv leave compiling to the first import; without this, every
program that imports sympy would spend seconds on it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from votebox.sandbox.policy import load_policy


def uncompiled() -> list[str]:
    """Name the packages of the policy that are installed without bytecode."""
    return [name for name in load_policy().compiled if (path := _cache(name)) and not path.exists()]


async def compile_packages() -> None:
    """Import them once in an interpreter of ours, if it can keep the result.

    It takes seconds, once for each installation; it is no fault if it fails, since
    programs then only start slower, which `votebox doctor` tells.
    """
    names = [name for name in uncompiled() if _writable(_cache(name))]
    if not names:
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",  # heed no PYTHONDONTWRITEBYTECODE
        "-c",
        f"import {', '.join(names)}",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await process.wait()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise


def _cache(name: str) -> Path | None:
    """Return where the bytecode of a package's __init__ belongs; None if not installed."""
    spec = find_spec(name)
    return Path(cache_from_source(spec.origin)) if spec and spec.origin else None


def _writable(path: Path | None) -> bool:
    return path is not None and any(
        parent.is_dir() and os.access(parent, os.W_OK) for parent in path.parents[:2]
    )
