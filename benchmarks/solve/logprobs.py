"""Measure what log-probabilities cost the engine, in CPU time a token.

    uv run python benchmarks/solve/logprobs.py --rounds 5

One embedded engine serves all ways in turn, on one thread of this process, so that its CPU
time is the engine's and whatever else the machine does stays out. The last way leaves vLLM to decode the twenty
alternatives of each token and to keep them, which the engine otherwise spares itself.
"""
# ruff: noqa: SLF001 - it looks into the engine, which is the point

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from throughput import ENGINE, ENVIRONMENT, endless, prompts

os.environ |= ENVIRONMENT

WAYS: dict[str, dict[str, Any]] = {
    "none": {},
    "of the token alone": {"logprobs": True},
    "and of the top 20": {"logprobs": True, "top_logprobs": 20},
    "and of the top 20, strings and all": {"logprobs": True, "top_logprobs": 20},
}


async def cpu_us(engine: Any, chains: int, tokens: int, sampling: dict[str, Any]) -> float:
    """Return the microseconds of CPU that each token of one round takes."""
    asked = [replace(p, sampling=replace(p.sampling, **sampling)) for p in prompts(chains, tokens)]
    began, made = time.process_time(), 0
    async for batch in engine.sample(asked):
        made += sum(delta.tokens for delta in batch)
    if made != chains * tokens:
        raise SystemExit(f"{made} tokens were made, not {chains * tokens}")
    return 1e6 * (time.process_time() - began) / made


async def measure(given: argparse.Namespace, source: str) -> dict[str, list[float]]:
    """Run the ways in turn; one more round warms up."""
    from votebox.deployments import EmbeddedEngine, vllm_request

    spare = vllm_request._spare_logprobs
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    async with EmbeddedEngine(source, engine_kwargs=ENGINE) as engine:
        for number in range(given.rounds + 1):
            for way, sampling in WAYS.items():
                vllm_request._spare_logprobs = (lambda *_: None) if "strings" in way else spare
                spent = await cpu_us(engine, given.chains, given.tokens, sampling)
                if number:
                    found[way].append(spent)
    return found


def main() -> None:
    """Parse the arguments, measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chains", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=256, help="of each chain")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(given, endless(Path(folder, "endless"))))
    first = statistics.median(found["none"])
    print("| log-probabilities | CPU µs a token, median | of none | lowest to highest |")
    print("|---|---|---|---|")
    for way, spent in found.items():
        median = statistics.median(spent)
        edges = f"{min(spent):,.0f} to {max(spent):,.0f}"
        print(f"| {way} | {median:,.0f} | {median / first:.2f} | {edges} |")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
