"""Measure how old a text is when it reaches the solver: 64 chains over Ray Serve.

    uv run python benchmarks/solve/latency.py

The replica is votebox's own with a clock in it: when the engine's step gives a chain the first
text that was not yet sent, the host's time is noted and sent along with it. The reader
subtracts it from the time it has the text in hand. Interval batching is part of the age.
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


def stamped() -> Any:
    """Return votebox's LLM deployment with the time of each text's making in its deltas."""
    from ray import serve

    from votebox.deployments.llm import EmbeddedLLM

    inner = EmbeddedLLM.func_or_class

    class Stamped(inner):  # type: ignore[misc,valid-type]
        async def __init__(self, *args: Any) -> None:  # type: ignore[misc]
            await super().__init__(*args)
            stepper = self._engine._stepper
            made: dict[tuple[int, int], float] = {}
            gather, open_group = stepper._gather, stepper.open

            def gather_stamped(output: Any) -> None:
                known = stepper._requests.get(output.request_id)
                gather(output)
                if known and output.outputs[0].text:
                    made.setdefault((id(known[0]), known[1].chain), time.time())

            def open_stamped(group: Any) -> None:
                put = group.put
                group.put = lambda batch: put(
                    [replace(d, reasoning=str(made.pop((id(group), d.chain), ""))) for d in batch]
                )
                open_group(group)

            stepper._gather, stepper.open = gather_stamped, open_stamped

    return serve.deployment(Stamped).options(
        name="LLM:stamped", max_ongoing_requests=256, ray_actor_options={"num_cpus": 1}
    )


async def ages(engine: Any, chains: int, tokens: int) -> tuple[list[float], int]:
    """Return the age in ms of each text on arrival, and the number of batches."""
    found, batches = [], 0
    async for batch in engine.sample(prompts(chains, tokens)):
        now = time.time()
        batches += 1
        found += [1000 * (now - float(d.reasoning)) for d in batch if d.reasoning]
    return found, batches


async def measure(given: argparse.Namespace) -> None:
    """Warm up, then print one line for each round and the whole as JSON."""
    from ray import serve

    from votebox.deployments import ServeEngine

    engine = ServeEngine(serve.get_deployment_handle("LLM:stamped", "latency"), "endless")
    await ages(engine, given.chains, 32)
    found: list[float] = []
    for _ in range(given.rounds):
        texts, batches = await ages(engine, given.chains, given.tokens)
        found += texts
        print(
            f"median {statistics.median(texts):.0f} ms of {len(texts)} texts in {batches} batches"
        )
    cuts = statistics.quantiles(found, n=20)
    print(
        json.dumps({"median_ms": round(statistics.median(found), 1), "p95_ms": round(cuts[-1], 1)})
    )


def main() -> None:
    """Serve the model and measure."""
    import ray
    from ray import serve

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chains", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=512, help="of each chain")
    given = parser.parse_args()
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    serve.start(proxy_location="Disabled")
    with tempfile.TemporaryDirectory() as folder:
        source = endless(Path(folder, "endless"))
        bound = stamped().bind(source, "endless", ENGINE, False)
        serve.run(bound, name="latency", route_prefix=None)
        asyncio.run(measure(given))
    serve.shutdown()


if __name__ == "__main__":
    main()
