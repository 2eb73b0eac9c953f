"""Run one way of throughput.py in this process and print what it took as a line of JSON.

`s` counts from the first request to the last row: neither the start of Ray, Serve and the
engine nor their end is in it.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from cpu import Sampler

SEED: Final = 1
MAX_TOKENS: Final = 256
ENGINE: Final = {
    # EmbeddedEngine's settings for votebox-mini.
    "dtype": "float32",
    "kv_cache_memory_bytes": 2**29,
    "max_num_seqs": 64,
    "enforce_eager": True,
    "enable_chunked_prefill": False,
    "disable_log_stats": True,
    "distributed_executor_backend": "uni",
    "seed": 0,
}
SAMPLING: Final = ("temperature", "top_p", "top_k", "min_p", "max_tokens", "skip_special_tokens")

SAMPLER: Final = Sampler()


@dataclass(frozen=True, slots=True)
class Work:
    """Say what to solve; `out` is a folder."""

    given: str
    out: str
    chains: int
    stop: str
    concurrency: int

    @property
    def request(self) -> dict[str, Any]:
        """Return the keys of each request: one reply a chain, as raw sampling has it."""
        told = {"chains": self.chains, "stop": self.stop, "seed": SEED}
        return told | {"rounds": 1, "max_tokens": MAX_TOKENS}


def tell(*, rows: int, tokens: int, began: float, asked: float, **more: Any) -> None:
    """Print what was measured until now; `began` and `asked` are of `time.time`."""
    told = {"rows": rows, "tokens": tokens, "s": time.time() - asked, "start_s": asked - began}
    print(json.dumps({**told, "cpu_s": SAMPLER.since(asked), **more}), flush=True)


async def prompts(work: Work, lines: list[str]) -> list[dict[str, Any]]:
    """Return a row for each chain: what votebox sends to its engine for these questions."""
    from votebox.plugins import Problem, Registry, ReplayEngine, SolveOptions, Solver

    class NoPrograms:
        async def run(self, *args: Any, **more: Any) -> Any:
            raise AssertionError("no reply holds a program")

    registry = Registry.load(allowed=())
    found: list[dict[str, Any]] = []
    for n, row in enumerate(map(json.loads, lines)):
        engine = ReplayEngine(lambda prompt: "\\boxed{1}")
        options = SolveOptions(**(work.request | {"seed": SEED + n, "stop": "never"}))
        solver = Solver(engine, NoPrograms(), registry)
        await solver.solve(Problem(row["question"], row["id"]), registry.recipe("vote"), options)
        for prompt in engine.sampled:
            told = [{"role": m.role, "content": m.content} for m in prompt.messages]
            sampling = {name: getattr(prompt.sampling, name) for name in SAMPLING}
            sampling["seed"] = prompt.seed
            found.append({"question": row["id"], "messages": told, "sampling": sampling})
    return found


def start_ray() -> None:
    """Start a Ray of this process, as the command line does."""
    import tempfile

    from votebox.cluster.ray_cluster import start_ray

    start_ray(Path(tempfile.mkdtemp(prefix="bt-")), lambda text: None)


def raw(work: Work) -> None:
    """Sample the chains with ray.data.llm, and do nothing else with them."""
    given = asyncio.run(prompts(work, Path(work.given).read_text().splitlines()))
    began = time.time()
    start_ray()
    import ray
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    from votebox.deployments import check_model

    config = vLLMEngineProcessorConfig(
        model_source=check_model(None),
        engine_kwargs=dict(ENGINE),
        placement_group_config={"bundles": [{"CPU": 1}]},
        concurrency=1,
        batch_size=64,
        log_engine_metrics=False,
        # vLLM reads and writes text itself; as stages of Ray Data both would only cost.
        tokenize_stage=False,
        detokenize_stage=False,
    )
    process = build_processor(
        config,
        preprocess=lambda row: {
            "question": row["question"],
            "messages": row["messages"],
            "sampling_params": row["sampling"],
        },
        postprocess=lambda row: {
            "question": row["question"],
            "text": row["generated_text"],
            "tokens": row["num_generated_tokens"],
            "asked": time.time() - row["time_taken_llm"],
        },
    )
    rows, tokens, asked = 0, 0, float("inf")
    for row in process(ray.data.from_items(given)).iter_rows():
        rows += 1
        tokens += row["tokens"]
        asked = min(asked, row["asked"])
    if rows != len(given):
        raise SystemExit(f"{rows} of {len(given)} chains came back")
    questions = len({row["question"] for row in given})
    tell(rows=questions, tokens=tokens, began=began, asked=asked)


async def batch(work: Work, *, local: bool) -> None:
    """Run a batch as the command does, with traces."""
    from votebox.cluster.batch_engine import Answerer, asked
    from votebox.cluster.batch_folder import BatchFolder
    from votebox.cluster.batch_rows import Columns
    from votebox.cluster.batch_run import BatchPlan, run_batch
    from votebox.cluster.batch_solve import RowSolver
    from votebox.cluster.batch_source import open_source
    from votebox.cluster.grade import Grader
    from votebox.plugins import Judge, Registry

    recipe = Registry.load(allowed=()).recipe("vote")
    who = Answerer(recipe, local=local, traces=f"{work.out}/traces")
    plan = BatchPlan(
        open_source(work.given), Columns("question", "id", "answer"), concurrency=work.concurrency
    )
    judge = Judge()
    folder = BatchFolder(f"{work.out}/out", {"rows": plan.rows}, "parquet")
    began = time.time()
    async with asked(who, work.concurrency) as ask:
        request = {**work.request, **who.request}
        solver = RowSolver(ask, request, (), Grader(recipe, judge), name=work.out)
        ready = time.time()
        tally = await run_batch(plan, solver, folder)
        found = {"right": tally.correct, "errors": tally.errors, "saved": tally.tokens_saved}
        tell(rows=tally.rows, tokens=tally.tokens, began=began, asked=ready, **found)
    judge.close()


class Stamped:
    """Ask the solvers of an app, and note when the first row was asked."""

    def __init__(self, app: str, stamp: str) -> None:
        from ray import serve

        from votebox.cluster.batch_ask import AskHandle

        self._ask = AskHandle(serve.get_deployment_handle("Solver", app))
        self._stamp: Path | None = Path(stamp)

    async def __call__(self, request: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Return the verdict."""
        if self._stamp is not None:
            self._stamp.write_text(str(time.time()))
            self._stamp = None
        return await self._ask({**request, "recipe": "vote"}, key)

    async def aclose(self) -> None:
        """Do nothing, as the one it stands for."""


def dataset(work: Work) -> None:
    """Solve through Ray Data and an app in the same Ray."""
    began = time.time()
    start_ray()
    import ray
    from ray import serve

    from votebox.cluster import solve_dataset
    from votebox.deployments import AppArgs, build
    from votebox.deployments.app import SolverArgs
    from votebox.plugins import SolveOptions

    solver = SolverArgs(traces=f"{work.out}/traces", max_ongoing=work.concurrency)
    serve.start(proxy_location="Disabled")
    serve.run(build(AppArgs(solver=solver, ingress=False)), name="bench", route_prefix=None)
    found = solve_dataset(
        ray.data.read_json(work.given),
        id="id",
        answer="answer",
        options=SolveOptions(**work.request),
        ask=partial(Stamped, "bench", f"{work.out}/asked"),
        concurrency=work.concurrency,
    )
    rows = tokens = right = errors = 0
    for row in found.iter_rows():
        rows += 1
        tokens += row["completion_tokens"]
        right += row["correct"] is True
        errors += row["error"] is not None
    asked = float(Path(work.out, "asked").read_text())
    tell(rows=rows, tokens=tokens, began=began, asked=asked, right=right, errors=errors)


def main() -> None:
    """Run the way that was named."""
    way, work = sys.argv[1], Work(**json.loads(sys.argv[2]))
    if way == "raw":
        raw(work)
    elif way == "dataset":
        dataset(work)
    else:
        asyncio.run(batch(work, local=way == "local"))


if __name__ == "__main__":
    main()
