"""The corpus of hostile programs, in the default configuration.

After each: nothing of it is left, and the next honest program runs well.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from hostile import HOSTILE, LIMITS

from votebox.sandbox import Sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(workers=2) as sandbox:
        yield sandbox


CASES = [
    pytest.param(code, status, id=f"{kind}-{number}")
    for kind, programs in HOSTILE.items()
    for number, (code, status) in enumerate(programs)
]
PATIENT = replace(LIMITS, wall_s=20.0)  # what ends by itself may take its time on a busy machine
HONEST = (
    "import os, numpy as np, sympy\nprint(sympy.factorint(1001), np.arange(4).sum(), os.listdir())"
)
DESCRIPTORS = Path("/proc/self/fd")
ANSWER = "{7: 1, 11: 1, 13: 1} 6 ['main.py']\n"


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 150


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("code", "status"), CASES)
async def test_a_hostile_program_is_bounded(box: Sandbox, code: str, status: str) -> None:
    open_before = len([*DESCRIPTORS.iterdir()])
    limits = LIMITS if status == "timeout" else PATIENT
    execution = await box.run(code, limits)
    assert execution.status == status, execution
    assert "through" not in execution.stdout
    assert execution.wall_s < limits.wall_s + 1.0
    assert len(execution.stdout.encode()) <= 1024 * limits.output_kib + 64
    assert execution.stdout.encode().decode() == execution.stdout
    honest = await box.run(HONEST)
    assert (honest.status, honest.stdout, honest.stderr) == ("ok", ANSWER, "")
    assert len([*DESCRIPTORS.iterdir()]) == open_before
