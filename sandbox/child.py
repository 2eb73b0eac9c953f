"""Become one program of the fork server, behind walls of its own.

A child is forked with process 1 of its namespace, a program of a hundred bytes (`INIT`) that
reaps orphans, beside it. It moves itself into new user, mount, IPC, UTS and network
namespaces, mounts its scratch space, and waits. Told to run, it enters its limits, drops
every capability, installs the system-call filter, and becomes the program, or the session
whose programs come one by one.
"""
# pathlib would cost its import at every start, and what runs after a program must not
# depend on anything the program could have replaced:
# ruff: noqa: PTH101, PTH109, PTH118, PTH123, PTH208, S110, SIM105

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import ctypes
import fcntl
import gc
import marshal
import mmap
import os
import resource
import socket
import struct
import sys

from votebox.sandbox.ending import Ending, exit_code
from votebox.sandbox.messages import CELL, MOST_DESCRIPTORS
from votebox.sandbox.runner import (
    copy_out,
    execute,
    make_main,
    make_streams,
    run_program,
    write_files,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NAMESPACES = (
    os.CLONE_NEWUSER | os.CLONE_NEWNS | os.CLONE_NEWIPC | os.CLONE_NEWUTS | os.CLONE_NEWNET
)
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 2, 4, 8, 32
_PR_CAPBSET_DROP, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 24, 22, 38, 47
# The kernel's processor limit kills a session; the supervisor's, which asks first, comes sooner.
_BACKSTOP_S = 2
_CAP_AMBIENT_CLEAR_ALL = 4
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63
_HUGE, _MADV_COLLAPSE = 2**21, 25

_CODE = bytes.fromhex(
    "b8b401000031ffbeffffffff31d20f05"  # close_range(0, ~0, 0)
    "b80d000000bf11000000488d351300000031d241ba080000000f05"  # rt_sigaction(SIGCHLD, &act, 0, 8)
    "b8220000000f05ebf7"  # for (;;) pause();
) + struct.pack("<4Q", 1, 0, 0, 0)  # act = {SIG_IGN}
_BASE = 0x400000
INIT = (
    b"\x7fELF\x02\x01\x01"
    + bytes(9)
    + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _BASE + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    + struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, 120 + len(_CODE), 120 + len(_CODE), 4096)
    + _CODE
)
"""The process 1 of a program, an x86-64 executable: it ignores SIGCHLD, so that the kernel
reaps orphans, and sleeps. Killing it takes its whole namespace along."""


def find(place: str) -> Callable[[], object]:
    """Return the function at "module:name.name"."""
    module, _, names = place.partition(":")
    found: Any = sys.modules[module]
    for name in names.split("."):
        found = getattr(found, name)
    call: Callable[[], object] = found
    return call


class Kit:
    """Hold all that children need, made before any of them is forked."""

    def __init__(
        self,
        *,
        packages: str,
        scratch: str,
        shared_memory: str,
        seccomp: bytes,
        user: int,
        reseed: tuple[str, ...],
    ) -> None:
        self.packages = packages
        self.scratch = scratch
        self.shared_memory = shared_memory
        self.home = os.getcwd()
        self.proc = os.path.join(self.home, "proc")
        self.user = user
        self.reseed = [find(place) for place in reseed]
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
        self.filter = ctypes.create_string_buffer(seccomp, len(seccomp))
        self.program = struct.pack("<HxxxxxxQ", len(seccomp) // 8, ctypes.addressof(self.filter))
        self.use_huge_pages()
        self.namespace = os.open(f"{self.proc}/self/ns/pid", os.O_RDONLY)
        self.init = os.path.join(self.home, "init")
        with open(self.init, "wb") as file:
            file.write(INIT)
        os.chmod(self.init, 0o500)
        with open(f"{self.proc}/self/statm", "rb") as file:
            pages = file.read().split()
        self.size = int(pages[0]) * resource.getpagesize()
        self.resident_kib = int(pages[1]) * resource.getpagesize() // 1024

    def use_huge_pages(self) -> None:
        """Gather our memory in huge pages where the kernel does that: forking takes half.

        It must copy and later drop the entry of every page, and there are 512 times fewer.
        """
        self.libc.madvise.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
        with open(f"{self.proc}/self/maps", "rb") as file:
            regions = [line.split() for line in file]
        for span, rights, _, _, _, *name in regions:
            if rights == b"rw-p" and name in ([], [b"[heap]"]):
                first, last = (int(edge, 16) for edge in span.split(b"-"))
                for at in range(-(-first // _HUGE) * _HUGE, last - _HUGE + 1, _HUGE):
                    self.libc.madvise(at, _HUGE, _MADV_COLLAPSE)

    def check_alone(self) -> None:
        """Raise RuntimeError if this process has a second thread, which forking would lose."""
        if len(os.listdir(f"{self.proc}/self/task")) != 1:
            raise RuntimeError("a preloaded module has started a thread; it cannot be preloaded")

    def mount(self, place: str, options: str, flags: int) -> None:
        """Mount a fresh tmpfs, or change the one that is there."""
        if self.libc.mount(b"tmpfs", place.encode(), b"tmpfs", flags, options.encode()):
            raise OSError(ctypes.get_errno(), f"mount {place} {options}")

    def prctl(self, option: int, *arguments: int) -> None:
        """Call prctl; raise OSError when it fails."""
        padded = [*arguments, 0, 0, 0, 0][:4]
        if self.libc.prctl(option, *padded):
            raise OSError(ctypes.get_errno(), f"prctl {option}")


def wait_and_run(kit: Kit, channel: socket.socket, note: mmap.mmap) -> None:
    """Be a child: build the walls, wait for the order, and become the program."""
    leave = os._exit
    try:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            build_walls(kit)
            message, descriptors, _, _ = socket.recv_fds(channel, 8, MOST_DESCRIPTORS)
            if not message:
                leave(0)
            job = enter_program(kit, descriptors)
            for seed in kit.reseed:
                seed()
            write_files(job["files"])
            take_streams(descriptors)
            kept = move_down([channel.detach(), *descriptors[4 + job["groups"] :]])
            channel = socket.socket(fileno=kept[0])
            for limit, value in job["rlimits"]:
                most = value + kit.size if limit == resource.RLIMIT_AS else value
                resource.setrlimit(limit, (most, most))
            drop_privileges(kit)
        except BaseException as error:  # of ours: nothing of the program has run yet
            channel.send(f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:2000])
            leave(1)
        gc.enable()
        channel.close()
        if job["session"]:
            leave(serve_cells(kit, socket.socket(fileno=kept[1]), note))
        wanted = (*zip(job["wanted"], kept[1:], strict=True),)
        leave(run_to_exit(kit, job, note, wanted))
    finally:
        leave(1)  # whatever the program broke, it does not get into the server's loop


def build_walls(kit: Kit) -> None:
    """Enter new namespaces, as the only user there is, with empty scratch space."""
    os.unshare(_NAMESPACES)
    entry = f"{kit.user} {kit.user} 1\n".encode()
    for name, text in (("setgroups", b"deny"), ("uid_map", entry), ("gid_map", entry)):
        with open(f"{kit.proc}/self/{name}", "wb", buffering=0) as file:
            file.write(text)
    kit.mount("/dev/shm", kit.shared_memory, _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)  # noqa: S108
    # Over proc and the init, too, which nobody can uncover: the program cannot unmount.
    kit.mount(kit.home, kit.scratch, _MS_NOSUID | _MS_NODEV)
    os.chdir(kit.home)


def enter_program(kit: Kit, descriptors: list[int]) -> dict[str, Any]:
    """Read the payload and enter the cgroups; return the job."""
    job = read_payload(descriptors[0])
    for descriptor in descriptors[4 : 4 + job["groups"]]:
        os.write(descriptor, b"0")
    if job["scratch"] != kit.scratch:
        kit.mount(kit.home, job["scratch"], _MS_REMOUNT | _MS_NOSUID | _MS_NODEV)
    return job


def read_payload(descriptor: int) -> dict[str, Any]:
    """Read what the supervisor asks for."""
    with open(descriptor, "rb", closefd=False) as file:
        job: dict[str, Any] = marshal.load(file)  # noqa: S302 - the supervisor wrote it
    return job


def move_down(kept: list[int]) -> list[int]:
    """Give the kept descriptors the numbers from 3 on, and close all others above 2."""
    end = 3 + len(kept)
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, end) for descriptor in kept]
    low = [os.dup2(descriptor, 3 + n, inheritable=False) for n, descriptor in enumerate(high)]
    os.closerange(end, 1024)
    return low


def take_streams(descriptors: list[int]) -> None:
    """Make the given descriptors the standard streams, with fresh objects over them."""
    for target, descriptor in enumerate(descriptors[1:4]):
        os.dup2(descriptor, target)
    make_streams()


def drop_privileges(kit: Kit) -> None:
    """Give up every capability for good, and all system calls but those of the policy."""
    for capability in range(_LAST_CAPABILITY + 1):
        if kit.libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            break  # the kernel knows no more
    kit.prctl(_PR_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL)
    header, nothing = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0), bytes(24)
    if kit.libc.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "capset")
    kit.prctl(_PR_SET_NO_NEW_PRIVS, 1)
    program = ctypes.create_string_buffer(kit.program, len(kit.program))
    kit.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))


def serve_cells(kit: Kit, cells: socket.socket, note: mmap.mmap) -> int:
    """Run cells in one `__main__` until the supervisor closes the socket."""
    # Bound before any cell runs, as in run_to_exit.
    receive, unpack, run, anything = socket.recv_fds, read_payload, execute, BaseException
    set_signal, number, ignore = signal.signal, signal.SIGINT, signal.SIG_IGN
    take, write, copy, forget, used = take_streams, write_files, copy_out, silence, cpu_s
    set_limit, limit, no_limit = resource.setrlimit, resource.RLIMIT_CPU, resource.RLIM_INFINITY
    send, pack, code_of, leaving = cells.send, CELL.pack, exit_code, SystemExit
    home, enter = kit.home, os.chdir
    null, me, pid, leave = os.open("/dev/null", os.O_RDWR), os.getpid, os.getpid(), os._exit
    module, count, later = make_main(kit.packages), 0, _BACKSTOP_S
    while True:
        set_signal(number, ignore)  # one that comes late must not hit this loop
        message, descriptors, _, _ = receive(cells, 8, MOST_DESCRIPTORS)
        if not message:
            return 0
        job = unpack(descriptors[0])
        take(descriptors)
        count += 1
        name = "main.py" if count == 1 else f"main{count}.py"
        try:
            enter(home)
            write(job["files"])
        except OSError as error:  # its scratch space is full, or a directory has that name
            sys.stderr.write(f"the session cannot take its files: {error}\n")
            forget(null, descriptors)
            send(pack(1, 0, used()))
            continue
        try:
            write(((name, job["source"]),))
        except OSError:  # then tracebacks lack the lines
            pass
        set_limit(limit, (int(used()) + job["cpu_s"] + later, no_limit))
        note[0] = 0
        code = 1
        try:
            run(module, name, job["source"], note, echo=job["echo"])
        except leaving as error:
            code = code_of(error.code)
        except anything:  # an interrupt between the cell and this line
            code = 130
        set_signal(number, ignore)
        if me() != pid:
            leave(code)  # a process the cell forked: the session is its parent's
        copy((*zip(job["wanted"], descriptors[4:], strict=True),))
        forget(null, descriptors)
        send(pack(code, note[0], used()))


def cpu_s() -> float:
    """Return the processor seconds of this process and its children that ended."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def silence(null: int, descriptors: list[int]) -> None:
    """Let go of a cell's streams: what is printed after its end is lost."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # whatever the cell made of them
            pass
    for target in range(3):
        os.dup2(null, target)
    for descriptor in descriptors:
        os.close(descriptor)


def run_to_exit(
    kit: Kit, job: dict[str, Any], note: mmap.mmap, wanted: tuple[tuple[str, int], ...]
) -> int:
    """Run main.py, then end the interpreter as CPython does, as far as a program can see.

    The rest of CPython's own end, freeing every module, takes longer than most programs.
    """
    ending, code_of, leaving = Ending(kit.home), exit_code, SystemExit
    code = 1
    try:
        run_program(kit.packages, job["source"], note, echo=job["echo"])
    except leaving as error:
        code = code_of(error.code)
    return ending.finish(code, wanted)
