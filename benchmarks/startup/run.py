"""Measure how long votebox takes to be ready, beside `vllm serve` alone.

    uv run python benchmarks/startup/run.py [--repeat 3]

Each repeat starts, one after the other and from nothing: vLLM's own server, our embedded
engine in one process, and the whole Ray Serve application up to its first answer. It
prints the median of wall and processor seconds, and the ratio to `vllm serve`.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import psutil

QUESTION = "What is the product of 137 and 48?"

EMBEDDED = f"""
import asyncio, time
from votebox.deployments import EmbeddedEngine
from votebox.plugins import Message, Prompt, Sampling

async def main():
    async with EmbeddedEngine() as engine:
        print("ready", flush=True)
        prompt = Prompt((Message("user", {QUESTION!r}),), Sampling(max_tokens=64), 1)
        async for _ in engine.sample([prompt] * 16):
            pass
        print("answer", flush=True)

asyncio.run(main())
"""

APPLICATION = f"""
import os, threading
os.environ |= {{"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0", "RAY_worker_niceness": "0"}}
import ray
def ahead():
    import votebox.deployments.app
thread = threading.Thread(target=ahead)
thread.start()
ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False)
print("ray", flush=True)
thread.join()
from ray import serve
from votebox.deployments import AppArgs, build
serve.start(proxy_location="Disabled")
print("serve", flush=True)
handle = serve.run(build(AppArgs(ingress=False)), route_prefix=None)
print("ready", flush=True)
for verdict in handle.options(stream=True).solve.remote({{"question": {QUESTION!r}}}):
    print("answer", flush=True)
"""


def main() -> None:
    """Run each way as often as asked and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=1)
    repeat = parser.parse_args().repeat
    ways: dict[str, Callable[[], dict[str, float]]] = {
        "vllm serve": vllm_serve,
        "embedded engine": lambda: script(EMBEDDED),
        "whole application": lambda: script(APPLICATION),
    }
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for _ in range(repeat):
        for name, run in ways.items():
            runs[name].append(run())
            print(name, json.dumps({k: round(v, 1) for k, v in runs[name][-1].items()}))
    base = median(runs["vllm serve"], "ready")
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {repeat} repeats, medians\n")
    print("| way | ready, s | of `vllm serve` | first answer, s | processor, s |")
    print("|---|---|---|---|---|")
    for name, times in runs.items():
        ready, answer = median(times, "ready"), median(times, "answer")
        cpu = median(times, "processor")
        print(f"| {name} | {ready:.0f} | {ready / base:.2f} | {answer:.0f} | {cpu:.0f} |")


def median(runs: list[dict[str, float]], key: str) -> float:
    """Return the median of one time over several runs."""
    return statistics.median(run[key] for run in runs)


def script(code: str) -> dict[str, float]:
    """Run a program and return when it printed each of its words, in seconds."""
    with watched([sys.executable, "-c", code], subprocess.PIPE) as (process, times):
        started = time.monotonic()
        for line in process.stdout or ():
            times[line.split()[0].decode()] = time.monotonic() - started
            times["processor"] = processor_s(process.pid)
    return times


def vllm_serve() -> dict[str, float]:
    """Start vLLM's server with the packaged model as its documentation says."""
    from votebox.deployments import check_model

    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # What `vllm serve` runs; the command itself does not start in the CPU distribution.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--port", str(port)]
    command += ["--model", check_model(None), "--served-model-name", "mini"]
    command += ["--enforce-eager", "--dtype", "float32"]
    with watched(command, subprocess.DEVNULL) as (process, times):
        started = time.monotonic()
        url = f"http://127.0.0.1:{port}"
        while not answers(f"{url}/health"):
            if process.poll() is not None:
                raise SystemExit(f"vLLM's server ended with {process.returncode}")
            time.sleep(0.2)
        times["ready"] = time.monotonic() - started
        ask = {"model": "mini", "n": 16, "max_tokens": 64}
        ask |= {"messages": [{"role": "user", "content": QUESTION}]}
        httpx.post(f"{url}/v1/chat/completions", json=ask, timeout=300).raise_for_status()
        times["answer"] = time.monotonic() - started
        times["processor"] = processor_s(process.pid)
    return times


def answers(url: str) -> bool:
    """Return whether a server is there and well."""
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def watched(
    command: list[str], stdout: int
) -> Iterator[tuple["subprocess.Popen[bytes]", dict[str, float]]]:
    """Run a command in a session of its own and end all of it."""
    environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1"}
    process = subprocess.Popen(
        command, stdout=stdout, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
    )
    try:
        yield process, {}
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            _, left = psutil.wait_procs(family, timeout=10)
            for one in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        process.wait(timeout=60)


def processor_s(pid: int) -> float:
    """Return user and system seconds of a process and all below it, the ended included."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])
    return total


if __name__ == "__main__":
    main()
