"""Compare the tokens a second of 64 chains through votebox's Serve path with vLLM's own.

    uv run python benchmarks/solve/throughput.py --rounds 5

Each way lives in a process of its own, started once; rounds are interleaved, so that what
else the machine does falls on all alike. The model is votebox-mini with its end of turn
taken away: every chain writes exactly `--tokens` tokens.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

QUESTION = "What is the product of 137 and 48?"
WAYS = {
    "generate": "vLLM `LLM.generate`, in process",
    "async": "vLLM `AsyncLLM`, its own engine process",
    "embedded": "EmbeddedEngine, in process",
    "serve": "Solver over Ray Serve",
}
ENVIRONMENT = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
}
ENGINE = {"dtype": "float32", "kv_cache_memory_bytes": 2**29, "max_num_seqs": 64}
COMMON = {"max_model_len": 2048, "enforce_eager": True, "enable_prefix_caching": True}


def endless(folder: Path) -> str:
    """Copy the packaged model so that it never ends its turn; return where to."""
    from votebox.deployments import check_model

    shutil.copytree(check_model(None), folder)
    for name, key, value in (
        ("config.json", "eos_token_id", 0),
        ("generation_config.json", "eos_token_id", 0),
        ("tokenizer_config.json", "eos_token", "<|endoftext|>"),
    ):
        settings = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(settings | {key: value}))
    return str(folder)


def rounds() -> Any:
    """Say that all is ready, then yield (chains, tokens) for each line of stdin."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        yield json.loads(line)


def told(tokens: int, began: float, **more: Any) -> None:
    """Print what a round measured."""
    seconds = time.perf_counter() - began
    print(json.dumps({"tokens": tokens, "s": seconds, **more}), flush=True)


def prompt_ids(source: str) -> list[int]:
    """Return the chat prompt as all ways send it."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source)
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": QUESTION}], add_generation_prompt=True, tokenize=False
    )
    return list(tokenizer.encode(text, add_special_tokens=False))


def run_generate(source: str) -> None:
    """Run `LLM.generate`."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    from vllm import LLM, SamplingParams

    llm = LLM(source, **ENGINE, **COMMON, distributed_executor_backend="uni")
    ids = prompt_ids(source)
    for chains, tokens in rounds():
        params = [SamplingParams(seed=n, max_tokens=tokens) for n in range(chains)]
        prompts = [{"prompt_token_ids": ids}] * chains
        began = time.perf_counter()
        outputs = llm.generate(prompts, params, use_tqdm=False)
        told(sum(len(o.outputs[0].token_ids) for o in outputs), began)


def run_async(source: str) -> None:
    """Run `AsyncLLM`, one stream of deltas per chain."""
    import asyncio

    from vllm import SamplingParams
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.sampling_params import RequestOutputKind
    from vllm.v1.engine.async_llm import AsyncLLM

    async def main() -> None:
        settings = {**ENGINE, **COMMON, "distributed_executor_backend": "uni"}
        llm = AsyncLLM.from_engine_args(AsyncEngineArgs(model=source, **settings))
        ids = prompt_ids(source)
        number = 0

        async def chain(seed: int, tokens: int) -> int:
            kind = RequestOutputKind.DELTA
            params = SamplingParams(seed=seed, max_tokens=tokens, output_kind=kind)
            stream = llm.generate({"prompt_token_ids": ids}, params, f"{number}-{seed}")
            return sum([len(o.outputs[0].token_ids) async for o in stream])

        lines = rounds()
        while (given := await asyncio.to_thread(next, lines, None)) is not None:
            chains, tokens = given
            number += 1
            began = time.perf_counter()
            counts = await asyncio.gather(*(chain(seed, tokens) for seed in range(chains)))
            told(sum(counts), began)
        llm.shutdown()

    asyncio.run(main())


def prompts(chains: int, tokens: int) -> list[Any]:
    """Return the prompts of one round."""
    from votebox.plugins import Message, Prompt, Sampling

    sampling = Sampling(max_tokens=tokens)
    return [Prompt((Message("user", QUESTION),), sampling, seed) for seed in range(chains)]


def run_embedded(source: str) -> None:
    """Run our engine in this process."""
    import asyncio

    from votebox.deployments import EmbeddedEngine

    async def main() -> None:
        async with EmbeddedEngine(source, engine_kwargs=ENGINE) as engine:
            lines = rounds()
            while (given := await asyncio.to_thread(next, lines, None)) is not None:
                began, stream = time.perf_counter(), engine.sample(prompts(*given))
                told(sum([delta.tokens async for batch in stream for delta in batch]), began)

    asyncio.run(main())


def run_serve(source: str) -> None:
    """Run a replica on Ray Serve, and the solver here, as in its own replica."""
    import asyncio

    import ray
    from ray import serve

    from votebox.deployments import AppArgs, ServeEngine, build
    from votebox.plugins import Problem, Registry, SolveOptions, Solver, load_recipe

    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    serve.start(proxy_location="Disabled")
    model = {"source": source, "name": "endless", "engine_kwargs": ENGINE}
    serve.run(build(AppArgs(models={"default": model}, ingress=False)), route_prefix=None)
    handle = serve.get_deployment_handle("LLM:default", "default")
    engine = ServeEngine(handle, "endless")
    registry = Registry.load(allowed=())
    recipe = load_recipe(
        'name = "all"\nchains = 64\n[nodes.ask]\nuse = "prompt:solve"\n'
        '[nodes.think]\nuse = "model:reasoner"\nafter = ["ask"]\n'
        '[nodes.read]\nuse = "extract:answer"\nafter = ["think"]\n'
        '[nodes.elect]\nuse = "vote:majority"\nafter = ["read"]\n',
        registry,
    )

    async def main() -> None:
        lines = rounds()
        while (given := await asyncio.to_thread(next, lines, None)) is not None:
            chains, tokens = given
            options = SolveOptions(chains=chains, max_tokens=tokens, seed=1)
            began = time.perf_counter()
            verdict = await Solver(engine, None, registry).solve(Problem(QUESTION), recipe, options)
            told(verdict.usage.completion_tokens, began)

    asyncio.run(main())
    serve.shutdown()


def main() -> None:
    """Start the ways, run the rounds in turn, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chains", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=512, help="of each chain")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--worker", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--source", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        globals()[f"run_{given.worker}"](given.source)
        return
    found = compare(given)
    first = statistics.median(found.get("async", next(iter(found.values()))))
    print("| way | tokens/s, median | of AsyncLLM | lowest to highest |")
    print("|---|---|---|---|")
    for way, rates in found.items():
        median = statistics.median(rates)
        print(
            f"| {WAYS[way]} | {median:,.0f} | {median / first:.2f} "
            f"| {min(rates):,.0f} to {max(rates):,.0f} |"
        )
    print(json.dumps(found))


def compare(given: argparse.Namespace) -> dict[str, list[float]]:
    """Return the tokens a second of each way in each round; one more round warms up."""
    with tempfile.TemporaryDirectory() as folder:
        source = endless(Path(folder, "endless"))
        workers = {way: start(way, source) for way in given.ways}
        for worker in workers.values():
            answer(worker)
        found: dict[str, list[float]] = {way: [] for way in workers}
        for number in range(given.rounds + 1):
            for way, worker in workers.items():
                print(json.dumps([given.chains, given.tokens]), file=worker.stdin, flush=True)
                measured = answer(worker)
                if measured["tokens"] != given.chains * given.tokens:
                    raise SystemExit(f"{way} made {measured['tokens']} tokens")
                if number:
                    found[way].append(measured["tokens"] / measured["s"])
        for worker in workers.values():
            worker.stdin.close()
            worker.wait(60)
    return found


def start(way: str, source: str) -> Any:
    """Start the process of one way."""
    command = [sys.executable, __file__, "--worker", way, "--source", source]
    log = Path(tempfile.gettempdir(), f"throughput-{way}.log").open("w")  # noqa: SIM115
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=os.environ | ENVIRONMENT,
    )


def answer(worker: Any) -> dict[str, Any]:
    """Return the next JSON object a worker prints; other lines are not for us."""
    for line in worker.stdout:
        if line.startswith("{"):
            return dict(json.loads(line))
    raise SystemExit(f"{' '.join(worker.args[2:4])} ended; its log is in {tempfile.gettempdir()}")


if __name__ == "__main__":
    main()
