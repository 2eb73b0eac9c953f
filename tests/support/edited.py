"""Make what a report on code editing shows: runs of the benchmark with cases, odd rows."""

from collections.abc import Sequence
from pathlib import Path

from solved import HOSTILE

from votebox.cluster.edit_cases import Case, ChainCase, Change, dump_case
from votebox.cluster.edit_rows import EditRow, write_rows

IDS = ("test_a", "test_b")


def change(*, good: bool, round_: int = 1, verdict: str = "") -> Change:
    outcomes = dict.fromkeys(IDS, "passed" if good else "failed")
    told = verdict or ("passed" if good else "failed")
    return Change(round_, {"a.py": "x = 1\n"}, told, outcomes, 0.1, "d" * 64)


def case(name: str, *chains: Sequence[bool], repeat: int = 0, voted: int | None = None) -> Case:
    """Return a case of chains, each given as whether the change of each try was good."""
    made = tuple(
        ChainCase(
            n, "completed", (), tuple(change(good=g, round_=i) for i, g in enumerate(tries, 1))
        )
        for n, tries in enumerate(chains)
    )
    return Case(
        name,
        repeat,
        seed=1,
        digest="d" * 64,
        visible=IDS,
        scoring=IDS,
        planned=max(1, len(chains)),
        chains=made,
        voted=None if voted is None else (voted, len(chains[voted])),
    )


def folder(path: Path, row: EditRow, cases: Sequence[Case]) -> Path:
    """Write a run of the benchmark as far as a report reads it."""
    path.mkdir(parents=True)
    write_rows(path / "results.yml", [row])
    (path / "cases.jsonl").write_bytes(b"".join(dump_case(each) + b"\n" for each in cases))
    return path


def hostile_row() -> EditRow:
    """Return a row of which every text attacks the page or a spreadsheet."""
    return EditRow(
        model=HOSTILE,
        dirname="../../etc/passwd",
        edit_format=HOSTILE,
        editor_edit_format=HOSTILE,
        editor_model="=1+1",
        command=f"votebox --endpoint http://me:hunter2@host/v1 {HOSTILE}",
        provider="@SUM(A1)",
        pass_rate_2=50.0,
        test_cases=10,
        total_cost=0.0,
        cases="/etc/passwd",
        more={HOSTILE: {HOSTILE: [HOSTILE]}, "=x": "-1"},
    )
