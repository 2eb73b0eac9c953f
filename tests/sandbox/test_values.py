"""The nouns, the errors and the pure functions; no jail is started here."""

import json
import pickle
import signal
import subprocess
import sys
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import votebox.sandbox
from votebox.sandbox import (
    Execution,
    LimitError,
    Limits,
    Sandbox,
    SandboxError,
    SandboxUnavailable,
    Status,
    VoteboxError,
    text_for_model,
)
from votebox.sandbox.capture import Kept
from votebox.sandbox.verdict import Cause, Report, decide

FINE = Execution("ok", "4\n", "", 0, None, 0.1, 0.1, 9.0, False, "nsjail")


@pytest.mark.parametrize(
    "error",
    [
        SandboxError("message", "detail"),
        SandboxUnavailable("cause", "fix", "detail"),
        LimitError("wall_s", -1, "give more"),
    ],
)
def test_errors_survive_pickling(error: VoteboxError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert (str(copy), vars(copy), copy.args) == (str(error), vars(error), error.args)


def test_a_limit_error_is_a_value_error_and_of_the_family() -> None:
    with pytest.raises(ValueError, match="wall_s=-1"):
        Limits(wall_s=-1)
    assert issubclass(LimitError, SandboxError)
    assert issubclass(SandboxUnavailable, SandboxError)
    assert issubclass(SandboxError, VoteboxError)


def test_values_are_frozen_and_pickle() -> None:
    assert pickle.loads(pickle.dumps(FINE)) == FINE  # noqa: S301 - our own bytes
    assert pickle.loads(pickle.dumps(Limits())) == Limits()  # noqa: S301 - our own bytes
    with pytest.raises(AttributeError):
        FINE.status = "error"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Limits().wall_s = 1.0  # type: ignore[misc]
    assert FINE.ok
    assert not replace(FINE, status="error").ok


def test_the_public_names_are_sorted_and_there() -> None:
    names = votebox.sandbox.__all__
    assert names == sorted(names)
    assert all(hasattr(votebox.sandbox, name) for name in names)


def test_importing_brings_no_other_room_and_no_ray() -> None:
    code = "import sys, votebox.sandbox; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    rooms = {"votebox.plugins", "votebox.deployments", "votebox.cluster"}
    assert not loaded & ({"ray", "vllm", "torch", "numpy", "sympy", "pydantic"} | rooms)


@pytest.mark.parametrize(
    ("execution", "shown"),
    [
        (FINE, "4"),
        (replace(FINE, stdout="", stderr="a warning"), ""),
        (replace(FINE, status="error", stderr="Traceback\nE: no\n"), "4\nTraceback\nE: no"),
        (replace(FINE, status="error", exit_code=3), "4\nExecution failed with exit code 3."),
        (
            replace(FINE, status="timeout", wall_s=8.004),
            "4\nExecution timed out after 8 seconds.",
        ),
        (
            replace(FINE, status="timeout", stdout="", wall_s=1.0),
            "Execution timed out after 1 second.",
        ),
        (replace(FINE, status="memory", stdout=""), "Execution failed: out of memory."),
        (replace(FINE, status="output", stdout=""), "Execution stopped: too much output."),
        (
            replace(FINE, status="processes", stdout=""),
            "Execution failed: too many processes or threads.",
        ),
        (replace(FINE, status="crashed", stdout="", signal=11), "Execution crashed with SIGSEGV."),
        (
            replace(FINE, status="crashed", stdout="", signal=40),
            "Execution crashed with signal 40.",
        ),
        (
            replace(FINE, status="rejected", stdout="", stderr="bad name\n"),
            "bad name\nExecution rejected: the program was not started.",
        ),
    ],
)
def test_a_model_is_told_what_happened(execution: Execution, shown: str) -> None:
    assert text_for_model(execution) == shown


def test_a_model_is_told_the_limit_it_passed() -> None:
    execution = replace(FINE, status="timeout", wall_s=8.16)
    assert text_for_model(execution, wall_s=8.0).endswith("after 8 seconds.")


def test_a_long_text_keeps_its_end() -> None:
    text = text_for_model(replace(FINE, stdout="x" * 999 + "END\n"), max_chars=100)
    assert (len(text), text[:3], text[-4:]) == (100, "...", "xEND")


def report(wait_status: int, *, note: int = 0, cpu_s: float = 0.1) -> Report:
    return Report(wait_status, note, wall_s=0.2, cpu_s=cpu_s, peak_mib=9.0)


@pytest.mark.parametrize(
    ("ended", "cause", "oom_kills", "refusals", "status"),
    [
        (report(0), None, 0, 0, "ok"),
        (report(0), "timeout", 1, 1, "timeout"),
        (report(9), "output", 1, 0, "output"),
        (report(0), None, 1, 0, "memory"),
        (report(9), None, 1, 0, "memory"),
        (report(9), None, 0, 0, "crashed"),
        (report(9, cpu_s=9.0), None, 0, 0, "timeout"),
        (report(6, cpu_s=9.0), None, 0, 0, "crashed"),
        (report(1 << 8), None, 0, 3, "processes"),
        (report(0), None, 0, 3, "ok"),
        (report(1 << 8, note=2), None, 0, 0, "error"),
        (report(1 << 8, note=2), None, 0, None, "processes"),
        (report(1 << 8, note=1), None, 0, 0, "memory"),
        (report(1 << 8, note=1), None, 0, None, "memory"),
        (report(137 << 8), None, 0, 0, "error"),
    ],
)
def test_the_first_rule_that_fits_decides(
    ended: Report, cause: Cause | None, oom_kills: int, refusals: int | None, status: Status
) -> None:
    decided = decide(ended, Limits(), cause=cause, oom_kills=oom_kills, refusals=refusals)
    assert decided == status


def test_a_report_tells_exits_from_signals() -> None:
    assert (report(137 << 8).exit_code, report(137 << 8).signal) == (137, None)
    assert (report(9).exit_code, report(9).signal) == (None, signal.SIGKILL)


@pytest.mark.parametrize("message", [b"", b"started", b"0 0 0.1", b"0 0 x 0 0", b"\xff 0 0 0 0"])
def test_a_broken_report_is_not_read(message: bytes) -> None:
    with pytest.raises(ValueError, match=".*"):
        Report.parse(message)


@pytest.mark.parametrize("field", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "8", None, True])
def test_a_senseless_limit_is_named(field: str, value: object) -> None:
    with pytest.raises(LimitError, match=field):
        Limits(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [0, 129, True, 2.5, "2"])
def test_senseless_workers_are_refused(workers: object) -> None:
    with pytest.raises(ValueError, match=f"workers={workers!r}"):
        Sandbox(workers=workers)  # type: ignore[arg-type]


@pytest.mark.parametrize("preload", ["numpy", (1,)])
def test_a_senseless_preload_is_refused(preload: object) -> None:
    with pytest.raises(TypeError, match="preload="):
        Sandbox(preload=preload)  # type: ignore[arg-type]


@given(st.lists(st.binary(max_size=40)), st.integers(4, 64))
def test_kept_text_is_bounded_and_encodable(pieces: list[bytes], keep: int) -> None:
    kept = Kept(keep)
    for piece in pieces:
        kept.add(piece)
    text = kept.text()
    json.dumps(text).encode("ascii")
    text.encode()
    assert kept.truncated == (sum(map(len, pieces)) > keep)
    assert len(text) <= keep + 40


@given(st.text(alphabet="aé€😀", min_size=20), st.integers(8, 64))
def test_kept_text_is_cut_on_character_borders(text: str, keep: int) -> None:
    kept = Kept(keep)
    kept.add(text.encode())
    assert "\ufffd" not in kept.text()
    head, _, tail = kept.text().partition("\n... [") if kept.truncated else (text, "", "")
    assert text.startswith(head)
    assert text.endswith(tail.partition("] ...\n")[2])
