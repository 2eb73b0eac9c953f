"""Kill one part of a batch at a time, mid-run, and compare its rows with an undisturbed run.

    uv run python benchmarks/batch/kills.py --rows 60

Each run is `votebox batch` with an app of its own: Ray, Serve, vLLM with votebox-mini, the
sandbox. Once a third of the rows is finished, the process behind the part gets SIGKILL; a
killed driver's command is given again. All runs have the same seed.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

import batches
import replicas

VICTIMS: Final = {
    "nothing": "",
    "the driver": "driver",
    "a solver replica": "votebox:Solver",
    "a jail replica": "votebox:Jails",
    "the LLM replica": "votebox:LLM:default",
}
PATIENCE_S: Final = 900


def start(given: str, out: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the command."""
    options = ("--column", "question=problem", "--column", "answer=answer", "--seed", "1")
    bounds = ("--concurrency", "16", "--no-trace")
    command = [sys.executable, "-m", "votebox.cluster", "batch", given, str(out)]
    with log.open("ab") as stream:
        return subprocess.Popen([*command, *options, *bounds], stdout=stream, stderr=stream)


def killed(process: subprocess.Popen[bytes], victim: str, out: Path, count: int) -> int:
    """Kill the victim once `count` rows are finished; return how many then were."""
    until = time.monotonic() + PATIENCE_S
    while len(batches.finished(out)) < count:
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"no {count} rows were finished")
        time.sleep(0.05)
    if victim == "driver":
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    elif not replicas.kill(victim, above=process.pid):
        raise SystemExit(f"there is no replica of {victim}")
    return len(batches.finished(out))


def run(victim: str, given: str, rows: int, folder: Path) -> dict[str, Any]:
    """Run one batch with one victim; return its rows and what happened."""
    out, log = folder / "out", folder / "log"
    folder.mkdir()
    began = time.perf_counter()
    process = start(given, out, log)
    at, before = 0, {}
    if victim:
        at = killed(process, victim, out, rows // 3)
    if victim == "driver":
        before = batches.finished(out)
        process = start(given, out, log)
    code = process.wait(PATIENCE_S)
    if code:
        raise SystemExit(f"the batch ended with {code}:\n{log.read_text()[-2000:]}")
    parts = sorted(out.glob("part-*.parquet"))
    found = [row for part in parts for row in pq.read_table(part).to_pylist()]
    redone = sum(row["solve_id"] != before.get(row["row"], row["solve_id"]) for row in found)
    return {"rows": found, "s": time.perf_counter() - began, "at": at, "redone": redone}


def main() -> None:
    """Print a line of a table for each victim; fail if rows are lost, doubled or errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=60, help="at most 200")
    parser.add_argument("--victims", nargs="+", choices=VICTIMS, default=list(VICTIMS))
    args = parser.parse_args()
    data = Path(__file__).parents[2] / "cluster/examples/arithmetic.jsonl"
    failed = False
    plain: dict[str, Any] = {}
    print("| killed | at row | s | rows | errors | asked twice | right | same answer |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="batch-kills-") as base:
        given = Path(base, "in.jsonl")
        given.write_text("".join(data.read_text().splitlines(keepends=True)[: args.rows]))
        wanted = [json.loads(line)["id"] for line in given.read_text().splitlines()]
        for name in args.victims:
            found = run(VICTIMS[name], str(given), args.rows, Path(base, name.replace(" ", "-")))
            rows = found["rows"]
            answers = {row["id"]: row["answer"] for row in rows}
            plain = plain or answers
            errors = sum(row["error"] is not None for row in rows)
            right = sum(row["correct"] is True for row in rows)
            same = sum(answers.get(id_) == answer for id_, answer in plain.items())
            told = (found["at"] or "", f"{found['s']:.0f}", len(rows), errors, found["redone"])
            print(f"| {name} | {' | '.join(map(str, (*told, right, same)))} |", flush=True)
            failed |= bool([row["id"] for row in rows] != wanted or errors or found["redone"])
    if failed:
        raise SystemExit("rows were lost, doubled, redone or errors")


if __name__ == "__main__":
    main()
