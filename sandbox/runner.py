"""Supervise one program from inside the jail, as its process 1.

The compiled text of this file is handed to the jail's interpreter; outside, only its
constants are used. It forks the program, which shares one byte with it, holds no
descriptor above 2 and can signal it in no way that matters, and it tells the outside the
program's true wait status: an exit number alone cannot be told from a kill.

Messages on the control socket. Inwards: b"i" interrupts the program, b"k" kills it and all
it started, closing ends the jail. Outwards: b"started", or b"refused" when the kernel did
not let the program into its limits; then, when the program has ended and nothing of it is
left, five numbers in text: wait status, note, wall seconds, processor seconds, peak KiB.
"""
# pathlib would cost its import at every start:
# ruff: noqa: PTH103, PTH109, PTH120, PTH123

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # signal costs enum: 9 ms a start
import builtins
import io
import mmap
import os
import resource
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from types import TracebackType

# What the program's process says about its end in the shared byte. A program that forges
# it only misreports itself.
MOST_COPIED = 16 * 2**20  # bytes of one file that is copied out
ENOMEM = 12
NO_NOTE, OUT_OF_MEMORY, OUT_OF_PROCESSES = range(3)


def main(
    *,
    source: bytes,
    files: tuple[tuple[str, bytes], ...],
    packages: str,
    memory_bytes: int,
    control: int,
    out: int,
    err: int,
    groups: tuple[int, ...],
    echo: bool,
    wanted: tuple[tuple[str, int], ...],
) -> None:
    """Run the program in a child, report how it ended, and wait to be dismissed.

    Args:
        source: the program.
        files: (name, content) to put beside it.
        packages: the directory of installed packages, or "".
        memory_bytes: the address space of each process of the program.
        control: descriptor of the control socket.
        out: descriptor for the program's standard output.
        err: descriptor for its standard error.
        groups: descriptors of the cgroup.procs files the program must enter.
        echo: whether a bare last expression is printed.
        wanted: (name, descriptor) of files to copy out when the program ended by itself.
    """
    del sys.path[0]  # the program's directory: nothing of ours may be imported from there
    write_files((("main.py", source), *files))
    note = mmap.mmap(-1, 1)
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    # Before the fork: process 1 hears no signal from inside but those it has a handler for.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    ready, entered = os.pipe()
    child = os.fork()
    if child == 0:
        enter_limits(memory_bytes, groups)
        os.write(entered, b"1")
        become_program(out, err, max(control, out, err, entered, *groups, *(d for _, d in wanted)))
        run_program(packages, source, note, echo=echo)  # ends by SystemExit
    for descriptor in (out, err, entered, *groups):
        os.close(descriptor)
    if not os.read(ready, 1):
        os.write(control, b"refused")
        os._exit(1)
    began = time.monotonic()
    os.write(control, b"started")
    status = supervise(child, control, wake)
    wall_s = time.monotonic() - began
    sweep()
    if os.WIFEXITED(status):
        copy_out(wanted)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = usage.ru_utime + usage.ru_stime
    os.write(control, f"{status} {note[0]} {wall_s} {cpu_s} {usage.ru_maxrss}".encode())
    while os.read(control, 1):
        pass  # an order that came too late; left unread, it would undo our report
    os._exit(0)


def write_files(files: tuple[tuple[str, bytes], ...]) -> None:
    """Write files below the working directory."""
    for name, content in files:
        if "/" in name:
            os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as target:
            target.write(content)


def supervise(child: int, control: int, wake: int) -> int:
    """Reap until `child` has ended, obeying the control socket; return its wait status."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wake, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == wake:
                os.read(wake, 4096)
                continue
            order = os.read(control, 1)
            if order == b"i":
                os.kill(child, signal.SIGINT)  # not reaped yet, so the number is still its own
            elif order == b"k":
                os.kill(-1, signal.SIGKILL)
            else:
                os._exit(0)  # nobody waits for us any more; the kernel takes all down
        pid = -1
        while pid:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == child:
                return status


def sweep() -> None:
    """Kill and reap whatever the program left behind."""
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.wait()
    except (ProcessLookupError, ChildProcessError):
        return


def enter_limits(memory_bytes: int, groups: tuple[int, ...]) -> None:
    """Bound this process, which is to become the program, or end it."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        for descriptor in groups:
            os.write(descriptor, b"0")
    except OSError:
        os._exit(1)


def become_program(out: int, err: int, highest: int) -> None:
    """Take the program's streams and signals, and drop all else that is ours."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.closerange(3, highest + 1)
    make_streams()


def make_streams() -> None:
    """Put fresh objects over descriptors 0 to 2.

    What is printed is written at once, as by `python -u`: a program may be killed at any
    moment, within a line or in the middle of a C function, and nothing it said is lost. A
    lone surrogate prints as an escape where CPython would raise: that tells a model more.
    """
    raw = io.FileIO(0, "r", closefd=False)
    raw.name = "<stdin>"
    stdin = io.TextIOWrapper(io.BufferedReader(raw), "utf-8", "surrogateescape")
    stdin.mode = "r"  # type: ignore[misc]
    sys.stdin = sys.__stdin__ = stdin  # type: ignore[misc]
    for number, name in ((1, "stdout"), (2, "stderr")):
        raw = io.FileIO(number, "w", closefd=False)
        raw.name = f"<{name}>"
        stream = io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)
        stream.mode = "w"  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def copy_out(wanted: tuple[tuple[str, int], ...]) -> None:
    """Copy files the program left into the given descriptors, after a byte that says so.

    What is no plain file, or too large, is left out.
    """
    for name, target in wanted:
        try:
            source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (OSError, ValueError):
            continue
        status = os.fstat(source)
        if status.st_mode & 0o170000 == 0o100000 and status.st_size <= MOST_COPIED:
            with open(source, "rb") as file, open(target, "wb", closefd=False) as copy:
                copy.write(b"1" + file.read(MOST_COPIED))
        else:
            os.close(source)


def run_program(packages: str, source: bytes, note: mmap.mmap, *, echo: bool) -> None:
    """Run `source` as main.py, `__main__`, and end by SystemExit, so that Python itself cleans up."""
    ours = sys.modules["__main__"]  # kept alive: its functions are still needed
    try:
        execute(make_main(packages), "main.py", source, note, echo=echo)
    finally:
        del ours


def make_main(packages: str) -> types.ModuleType:
    """Return a fresh `__main__` in the working directory, as `python main.py` has it."""
    here = os.getcwd()
    sys.argv = ["main.py"]
    sys.orig_argv = [sys.executable, "main.py"]
    sys.path.insert(0, here)
    if packages:
        sys.path.append(packages)
        os.environ["PYTHONPATH"] = packages  # for interpreters the program starts
    module = sys.modules["__main__"] = type(sys)("__main__")
    module.__dict__.update(__file__=f"{here}/main.py", __builtins__=builtins, __cached__=None)
    return module


def execute(
    module: types.ModuleType, name: str, source: bytes, note: mmap.mmap, *, echo: bool
) -> None:
    """Run `source` in `module` and end by SystemExit; errors are told as CPython does.

    Tracebacks show the lines of the file `name`, which has the same text.
    """
    # All names bound before the program runs: it may empty the builtins.
    leave, anything, interrupted = SystemExit, BaseException, KeyboardInterrupt
    restore, saved, tell = builtins.__dict__.update, dict(builtins.__dict__), explain
    run, evaluate, show = exec, eval, sys.displayhook
    pid, getpid = os.getpid(), os.getpid
    try:
        body, last = compile_source(source, name, echo=echo)
    except anything as error:  # as CPython: SyntaxError, and MemoryError when nested too deep
        tell(error, None)
        raise leave(1) from None
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        run(body, module.__dict__)
        if last is not None:
            show(evaluate(last, module.__dict__))
    except leave:
        raise
    except anything as error:  # whatever it raised, told as CPython would
        restore(saved)
        if getpid() == pid:  # and not a fork of the program, which shares the byte
            note[0] = classify(error)
        tell(error, error.__traceback__.tb_next if error.__traceback__ else None)
        raise leave(130 if isinstance(error, interrupted) else 1) from None
    raise leave(0)


def compile_source(
    source: bytes, name: str, *, echo: bool
) -> tuple[types.CodeType, types.CodeType | None]:
    """Return the program's code, and that of its last expression if that is to be printed."""
    if not echo:
        return compile(source, name, "exec", dont_inherit=True), None
    import ast

    tree = ast.parse(source, name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        expression = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        last = compile(expression, name, "eval", dont_inherit=True)
    return compile(tree, name, "exec", dont_inherit=True), last


def classify(error: BaseException) -> int:
    """Return the note for an uncaught exception: did it come from a limit?"""
    kind = type(error)  # of the program's making perhaps: ask it as little as possible
    if issubclass(kind, MemoryError):
        return OUT_OF_MEMORY
    if kind is OSError and error.errno == ENOMEM:  # type: ignore[attr-defined]
        return OUT_OF_MEMORY
    if issubclass(kind, BlockingIOError):  # EAGAIN: what fork answers past the limit
        return OUT_OF_PROCESSES
    if kind is RuntimeError and error.args == ("can't start new thread",):
        return OUT_OF_PROCESSES
    return NO_NOTE


def explain(error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback without frames of ours, through the program's own hook if any."""
    error.__traceback__ = trace
    try:
        sys.excepthook(type(error), error, trace)
    except SystemExit:
        raise
    except BaseException:  # a broken hook must not hide the error
        sys.__excepthook__(type(error), error, trace)
