"""Fork programs from a warm interpreter, as process 1 of the jail.

The compiled text of this file and of those it imports is handed to the jail's interpreter;
outside, only the constants of messages.py are used. The server imports the big packages once
and then keeps one waiting child per worker, each in a process namespace of its own; see
child.py. It is the parent of its children, so it gets the true wait status of a program.
"""
# pathlib would cost its import at every start:

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import gc
import mmap
import os
import select
import socket
import sys
import time

from votebox.sandbox.child import Kit, wait_and_run
from votebox.sandbox.messages import (
    BROKEN,
    ENDED,
    MOST_DESCRIPTORS,
    NUMBER,
    READY,
    REFUSED,
    RESULT,
    RUN,
    STARTED,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main(
    *,
    control: int,
    preload: tuple[str, ...],
    warm: tuple[str, ...],
    reseed: tuple[str, ...],
    packages: str,
    scratch: str,
    shared_memory: str,
    seccomp: bytes,
    user: int,
    spares: int,
) -> None:
    """Import, tell that we are ready, and serve until the control socket closes.

    Args:
        control: descriptor of the control socket.
        preload: modules to import.
        warm: statements to run once, that fill caches.
        reseed: "module:function" of what each program calls, so that its random numbers are
            its own.
        packages: the directory of installed packages, or "".
        scratch: mount options of a program's working directory.
        shared_memory: mount options of its /dev/shm.
        seccomp: the compiled filter.
        user: the user and group id of programs.
        spares: waiting children to keep.
    """
    channel = socket.socket(fileno=control)
    try:
        del sys.path[0]
        import_all(preload, warm, packages)
        kit = Kit(
            packages=packages,
            scratch=scratch,
            shared_memory=shared_memory,
            seccomp=seccomp,
            user=user,
            reseed=reseed,
        )
        kit.check_alone()
    except BaseException as error:  # whatever an import raises; told, then we end
        channel.send(BROKEN + f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:2000])
        os._exit(1)
    Server(channel, kit, spares).serve()


def import_all(preload: tuple[str, ...], warm: tuple[str, ...], packages: str) -> None:
    """Import modules, run the warming statements, and freeze what that made."""
    if packages:
        sys.path.append(packages)
    for name in preload:
        __import__(name)
    for statement in warm:
        exec(statement, {})  # noqa: S102 - from the policy file
    if packages:
        sys.path.remove(packages)
    gc.collect()
    gc.disable()
    gc.freeze()  # a collection in a child would touch, and so copy, every page


class Child:
    """Remember one child: waiting, then running, then ended."""

    def __init__(self, init: int, pid: int, channel: socket.socket, note: mmap.mmap) -> None:
        self.init = init
        self.pid = pid
        self.pidfds = [os.pidfd_open(init), os.pidfd_open(pid)]
        self.channel = channel
        self.note = note
        self.run: int | None = None
        self.began: float | None = None
        self.wall_s = 0.0
        self.ended: tuple[int, Any] | None = None
        self.reason = b""
        self.init_gone = False


class Server:
    """Obey the control socket, keep spare children, and tell how programs end."""

    def __init__(self, control: socket.socket, kit: Kit, spares: int) -> None:
        self.control = control
        self.kit = kit
        self.wanted = spares
        self.spares: list[Child] = []
        self.by_pid: dict[int, Child] = {}
        self.by_socket: dict[int, Child] = {}
        self.poll = select.poll()

    def serve(self) -> None:
        """Serve until the control socket closes; the kernel then takes all programs down."""
        wake, waker = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(waker, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self.poll.register(self.control, select.POLLIN)
        self.poll.register(wake, select.POLLIN)
        try:
            self.refill()
            self.control.send(READY)
            while True:
                busy = False
                idle_ms = None if len(self.spares) >= self.wanted else 0
                for descriptor, _ in self.poll.poll(idle_ms):
                    if descriptor == wake:
                        os.read(wake, 4096)
                        self.reap()
                    elif descriptor == self.control.fileno():
                        busy = True
                        self.obey()
                    elif descriptor in self.by_socket:
                        self.hear(self.by_socket[descriptor])
                if not busy:  # the next program first, then its successor's child
                    self.refill(1)
        except OSError as error:
            self.control.send(BROKEN + f"{type(error).__name__}: {error}".encode()[:2000])
        os._exit(1)

    def obey(self) -> None:
        """Take one order: run a program."""
        message, descriptors, _, _ = socket.recv_fds(self.control, 64, MOST_DESCRIPTORS)
        if not message:
            os._exit(0)
        _, run = NUMBER.unpack(message)
        child = self.spares.pop(0) if self.spares else self.fork()
        child.run = run
        try:
            socket.send_fds(child.channel, [RUN], descriptors)
        except OSError as error:  # it died waiting; reaping it tells
            child.reason = f"a waiting child was lost: {error}".encode()
        for descriptor in descriptors:
            os.close(descriptor)

    def refill(self, most: int = 64) -> None:
        """Fork children until enough wait."""
        while len(self.spares) < self.wanted and most > 0:
            self.spares.append(self.fork())
            most -= 1

    def fork(self) -> Child:
        """Make a process namespace, its process 1, and a child in it that will wait."""
        kit = self.kit
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        note = mmap.mmap(-1, 1)
        os.unshare(os.CLONE_NEWPID)  # for children; forking threads or execing is unaffected
        try:
            init = os.posix_spawn(kit.init, ["init"], {})
            pid = os.fork()
        finally:
            if os.getpid() == 1:
                os.setns(kit.namespace, os.CLONE_NEWPID)
        if pid == 0:
            wait_and_run(kit, theirs, note)
        theirs.close()
        note.madvise(mmap.MADV_DONTFORK)  # no later child may share what this one writes to
        child = Child(init, pid, ours, note)
        self.by_pid[init] = self.by_pid[pid] = child
        self.by_socket[ours.fileno()] = child
        self.poll.register(ours, select.POLLIN)
        return child

    def hear(self, child: Child) -> None:
        """Take a waiting child's last words: none when it becomes the program."""
        child.reason = child.reason or child.channel.recv(2000)
        if not child.reason and child.run is not None:
            child.began = time.monotonic()
            socket.send_fds(self.control, [NUMBER.pack(STARTED, child.run)], child.pidfds)
        self.forget_channel(child)

    def forget_channel(self, child: Child) -> None:
        """Close our end of a child's socket."""
        if child.channel.fileno() >= 0:
            self.poll.unregister(child.channel)
            del self.by_socket[child.channel.fileno()]
            child.channel.close()

    def reap(self) -> None:
        """Take the ends of all that ended."""
        while self.by_pid:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self.by_pid.pop(pid, None)
            if child is None:
                continue
            if pid == child.pid:
                if child.began is None and child.channel.fileno() >= 0:
                    self.hear(child)  # it ended before we looked
                child.wall_s = time.monotonic() - child.began if child.began else 0.0
                child.ended = status, usage
                os.kill(child.init, 9)  # and with it all that the program left behind
            else:
                child.init_gone = True
            if child.ended and child.init_gone:
                self.tell(child)

    def tell(self, child: Child) -> None:
        """Report a run of which nothing is left."""
        self.forget_channel(child)
        if child in self.spares:
            self.spares.remove(child)
        note = child.note[0]
        child.note.close()
        for descriptor in child.pidfds:
            os.close(descriptor)
        if child.run is None or child.ended is None:
            raise OSError(f"a waiting child ended: {child.reason.decode('utf-8', 'replace')}")
        if child.began is None:
            self.control.send(NUMBER.pack(REFUSED, child.run) + child.reason)
            return
        status, usage = child.ended
        peak = max(0, usage.ru_maxrss - self.kit.resident_kib)
        result = RESULT.pack(status, note, child.wall_s, usage.ru_utime, usage.ru_stime, peak)
        self.control.send(NUMBER.pack(ENDED, child.run) + result)
