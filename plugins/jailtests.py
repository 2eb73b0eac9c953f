"""Run one test after the other, each in a process of its own, inside the jail.

This file is the program the sandbox runs; it imports nothing of votebox. It reads its
standard input: a line of JSON, then each test as base64, then a nonce.

* The parent never imports the solution and never reads a test. It alone holds the standard
  streams, and it reads the nonce when every other process is dead.
* A child reads its own test and nothing else, lets go of every descriptor but its report and
  its output, and only then imports the solution. It cannot tell whether its test is the
  original or a falsified copy, and so a lie about it is of no use.
* After each child all processes are killed and all files removed: no child can tell another
  what it saw.
"""

import base64
import contextlib
import difflib
import json
import linecache
import marshal
import os
import pprint
import select
import shutil
import signal
import sys
import time
import traceback
import types
import unittest
from typing import Any, NoReturn

MOST_REPORT = 64 * 1024
MOST_FILES = 4096
LOADED = (difflib, linecache, pprint, traceback)
"""What unittest imports late; imported here, no file of the solution can take the name."""


def main() -> int:
    """Run every test of the order; write the nonce and the results on one line."""
    if not in_jail():
        sys.stderr.write("not in a jail: this program kills every process it sees\n")
        return 3
    line = read_line()
    order: dict[str, Any] = json.loads(line)
    home, end = os.getcwd(), time.monotonic() + float(order["total_s"])  # noqa: PTH109
    at = len(line)
    results: list[dict[str, Any]] = []
    for size in order["sizes"]:
        left = min(float(order["test_s"]), end - time.monotonic())
        if left <= 0:
            break
        sweep(home)
        results.append(run_one(order, home, (at, size), left))
        at += size
    at = len(line) + sum(order["sizes"])
    nonce = os.pread(0, 64, at).decode("ascii")
    write_all(1, f"{nonce} {json.dumps(results)}\n".encode())
    return 0


def in_jail() -> bool:
    """Tell whether the processes we see are the jail's own: every one of them will be killed."""
    return os.getppid() <= 1 and not os.path.exists("/proc/self")  # noqa: PTH110


def read_line() -> bytes:
    """Return the first line of standard input, its end included, without moving in it."""
    data = b""
    while b"\n" not in data:
        more = os.pread(0, 65536, len(data))
        if not more:
            raise EOFError("the order has no first line")
        data += more
    return data[: data.index(b"\n") + 1]


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte."""
    while data:
        data = data[os.write(descriptor, data) :]


def sweep(home: str) -> None:
    """Remove every file a child left; raise OSError where one stays."""
    for place in (home, "/dev/shm"):  # noqa: S108 - the jail's own
        with contextlib.suppress(FileNotFoundError), os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)  # noqa: PTH108 - no more modules than needed


def run_one(
    order: dict[str, Any], home: str, place: tuple[int, int], left_s: float
) -> dict[str, Any]:
    """Run one child; return its report, how it ended and the end of its output."""
    report, report_end = os.pipe()
    output, output_end = os.pipe()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        be_child(order, home, place, report_end, output_end)
    os.close(report_end)
    os.close(output_end)
    told, tail, late = watch(pid, report, output, began + left_s, int(order["tail"]))
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0):
            pass
    os.close(report)
    os.close(output)
    return {
        "report": told.decode("utf-8", "replace"),
        "status": os.waitstatus_to_exitcode(status),
        "tail": tail.decode("utf-8", "replace"),
        "late": late,
        "seconds": round(time.monotonic() - began, 4),
    }


def kill_all() -> None:
    """Kill every process of the jail but this one and process 1."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def watch(
    pid: int, report: int, output: int, deadline: float, keep: int
) -> tuple[bytes, bytes, bool]:
    """Return the report, the end of the output, and whether the child was too slow."""
    ended = os.pidfd_open(pid)
    poll = select.poll()
    for descriptor in (ended, report, output):
        os.set_blocking(descriptor, False)
        poll.register(descriptor, select.POLLIN)
    told, tail, over, late = b"", b"", False, False
    while not (over or late):
        wait_ms = 1000 * (deadline - time.monotonic())
        ready = [descriptor for descriptor, _ in poll.poll(max(0.0, wait_ms))]
        late = time.monotonic() >= deadline
        over = ended in ready
        for descriptor in {report, output}.intersection(ready):
            data = read_some(descriptor)
            if not data:
                poll.unregister(descriptor)
            elif descriptor == report:
                told = (told + data)[: MOST_REPORT + 1]
            else:
                tail = (tail + data)[-keep:]
    kill_all()  # what it started shall not speak for it
    for _ in range(16):  # what the child wrote before it ended; a pipe holds 64 KiB
        told = (told + read_some(report))[: MOST_REPORT + 1]
        tail = (tail + read_some(output))[-keep:]
    os.close(ended)
    return told, tail, late and not over


def read_some(descriptor: int) -> bytes:
    """Return what a pipe holds now; nothing at its end."""
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""


def be_child(
    order: dict[str, Any], home: str, place: tuple[int, int], report: int, output: int
) -> NoReturn:
    """Take one test, let go of everything else, run the test, report, and end."""
    leave, write = os._exit, os.write
    try:
        test = marshal.loads(base64.b64decode(os.pread(0, place[1], place[0])))  # noqa: S302
        seal(report, output)
        workspace = os.path.join(home, "work")  # noqa: PTH118 - no more modules than needed
        put_files(workspace, order["files"])
        dumps = json.dumps
        told = run_test(test, workspace, int(order["message"]))
        flush()
        write(3, dumps(told).encode())
        leave(0)
    except BaseException:
        with contextlib.suppress(BaseException):
            write(2, traceback.format_exc().encode())
        leave(1)
    finally:
        leave(1)


def seal(report: int, output: int) -> None:
    """Keep three standard streams, which lead nowhere and to the output, and 3, the report."""
    high = [os.dup2(fd, 60 - n) for n, fd in enumerate((os.open(os.devnull, 0), output, report))]
    for target, descriptor in ((0, high[0]), (1, high[1]), (2, high[1]), (3, high[2])):
        os.dup2(descriptor, target)
    os.closerange(4, MOST_FILES)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def put_files(workspace: str, files: dict[str, str]) -> None:
    """Write the files of the candidate; make them importable, after the standard library."""
    os.mkdir(workspace)  # noqa: PTH102
    for name, text in files.items():
        path = os.path.join(workspace, name)  # noqa: PTH118
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
            file.write(text)
    os.chdir(workspace)
    home = os.path.dirname(workspace)  # noqa: PTH120
    sys.path[:] = [*(place for place in sys.path if place not in ("", home)), workspace]
    sys.path_importer_cache.clear()


def run_test(test: dict[str, Any], workspace: str, keep: int) -> dict[str, str]:
    """Import the test module and run the one test of it; return outcome and message."""
    module = types.ModuleType(test["module"])
    module.__file__ = f"{workspace}/{test['module']}.py"
    sys.modules["__main__"] = sys.modules[test["module"]] = module
    result = unittest.TestResult()
    try:
        exec(test["code"], module.__dict__)  # noqa: S102 - the original test module
        case = made_case(module, test)
        unittest.TestSuite([case]).run(result)
    except BaseException:
        return {"outcome": "error", "message": traceback.format_exc()[-keep:]}
    for outcome, found in (
        ("error", result.errors),
        ("failed", result.failures),
        ("skipped", result.skipped),
    ):
        if found:
            message = "\n".join(text for _, text in found)
            return {"outcome": outcome, "message": message[-keep:]}
    if result.unexpectedSuccesses:
        return {"outcome": "failed", "message": "passes, and is marked as an expected failure"}
    if result.testsRun != 1:
        return {"outcome": "error", "message": f"{result.testsRun} tests ran instead of one"}
    return {"outcome": "passed", "message": ""}


def made_case(module: types.ModuleType, test: dict[str, Any]) -> unittest.TestCase:
    """Return the one test, a method of a class or a plain function."""
    if not test["class"]:
        return unittest.FunctionTestCase(getattr(module, test["method"]))
    case: unittest.TestCase = getattr(module, test["class"])(test["method"])
    return case


def flush() -> None:
    """Write out what the test printed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()


if __name__ == "__main__":
    sys.exit(main())
