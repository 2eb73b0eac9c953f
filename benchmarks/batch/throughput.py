"""Compare a batch through votebox with `ray.data.llm` sampling the same chains.

    uv run python benchmarks/batch/throughput.py --rows 2000 --chains 4 --rounds 2

Each way runs alone, in a process of its own, and starts its own engine, whose start is timed
apart. Ways take turns, the order reversed every other round. All have the same prompts, seeds
and sampling, and no chain is stopped, so that every way samples the same replies; votebox
also runs their programs, reads their answers, votes and writes traces and parts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median as middle
from typing import Any, Final

HERE: Final = Path(__file__).parent
WAYS: Final = {
    "raw": "`ray.data.llm`, vLLM alone",
    "app": "`votebox batch`, an app of its own",
    "dataset": "`solve_dataset`",
    "local": "`votebox batch --local`",
}
ENVIRONMENT: Final = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    # What votebox sets for its own engine, so that the other has it, too.
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "TORCH_COMPILE_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
}
RATES: Final[tuple[Callable[[dict[str, Any]], float], ...]] = (
    lambda told: told["rows"] / told["s"],
    lambda told: told["tokens"] / told["s"],
    lambda told: 1000 * told["cpu_s"]["sum"] / (told["rows"] * told["chains"]),
)


def questions(path: Path, rows: int) -> None:
    """Write so many problems of the generator, none of them twice."""
    sys.path.insert(0, str(HERE.parent / "mini"))
    from examples import distinct

    with path.open("w") as stream:
        for n, problem in enumerate(distinct(7, rows)):
            row = {"id": f"q{n}", "question": problem.text, "answer": str(problem.answer)}
            stream.write(json.dumps(row) + "\n")


def run(way: str, work: dict[str, Any]) -> dict[str, Any]:
    """Run one way in a process of its own; return what it tells."""
    log = Path(tempfile.gettempdir(), f"batch-throughput-{way}.log")
    command = [sys.executable, str(HERE / "throughput_ways.py"), way, json.dumps(work)]
    with log.open("w") as errors:
        done = subprocess.run(  # noqa: PLW1510 - what failed is told below, with its log
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | ENVIRONMENT
        )
    told = [line for line in done.stdout.splitlines() if line.startswith('{"rows"')]
    if done.returncode or not told:
        raise SystemExit(f"{way} failed; its log is {log}")
    return dict(json.loads(told[-1]))


def table(found: dict[str, list[dict[str, Any]]]) -> None:
    """Print medians over the rounds, and each way's ratio to the raw one of the same round."""
    print("\n| way | rows/s | tokens/s | of raw | CPU, ms a chain | of raw | right | start, s |")
    print("|---|---|---|---|---|---|---|---|")
    for way, rounds in found.items():
        rows, tokens, cpu = (middle([per(told) for told in rounds]) for per in RATES)
        ratios = ["", ""]
        if raw := found.get("raw"):
            pairs = list(zip(rounds, raw, strict=True))
            ratios = [f"{middle([per(o) / per(r) for o, r in pairs]):.2f}" for per in RATES[1:]]
        right = f"{rounds[0]['right']:,}" if "right" in rounds[0] else ""
        start = middle([told["start_s"] for told in rounds])
        measured = f"{rows:,.1f} | {tokens:,.0f} | {ratios[0]} | {cpu:.1f} | {ratios[1]}"
        print(f"| {WAYS[way]} | {measured} | {right} | {start:.0f} |")


def main() -> None:
    """Run the rounds, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=64, help="rows at once, of votebox")
    parser.add_argument("--stop", default="never", help="votebox's stop rule")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    given = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in given.ways}
    with tempfile.TemporaryDirectory(prefix="batch-throughput-") as folder:
        questions(Path(folder, "in.jsonl"), given.rows)
        for number in range(given.rounds):
            for way in given.ways[:: -1 if number % 2 else 1]:
                out = Path(folder, f"{way}-{number}")
                out.mkdir()
                work = {
                    "given": f"{folder}/in.jsonl",
                    "out": str(out),
                    "chains": given.chains,
                    "stop": given.stop,
                    "concurrency": given.concurrency,
                }
                told = run(way, work) | {"chains": given.chains}
                found[way].append(told)
                print(number, way, json.dumps(told), flush=True)
    table(found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
