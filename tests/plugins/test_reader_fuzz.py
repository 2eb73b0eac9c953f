"""Awkward texts through every built-in reader: none raises, and none runs away."""

import random
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "answers"))  # no package

import fuzz

READERS = fuzz.readers()
TEXTS = 300
HANG_S = 60  # of 20 kB; a reader that is not linear takes far longer


def test_no_awkward_text_raises() -> None:
    made = fuzz.texts(random.Random(7))  # noqa: S311 - the same texts each time
    for _ in range(TEXTS):
        text = next(made)
        for name, reader in READERS.items():
            started = time.perf_counter()
            reader(text)
            assert time.perf_counter() - started < HANG_S, (name, text)


@pytest.mark.parametrize("kind", fuzz.PIECES)
def test_no_repeated_piece_hangs_a_reader(kind: str) -> None:
    for piece in fuzz.PIECES[kind]:
        text = (piece * 20_000)[:20_000]
        for name, reader in READERS.items():
            started = time.perf_counter()
            reader(text[: fuzz.LARGEST.get(name)])
            assert time.perf_counter() - started < HANG_S, (name, piece)


def test_every_kind_of_reader_is_fuzzed() -> None:
    assert {name.partition(":")[0] for name in READERS} >= {"extract", "code", "canonical", "key"}
