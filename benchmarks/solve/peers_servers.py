"""Start the servers that peers.py compares: vLLM's own, and the peers' in front of it.

Each is a process of its own with a log in the given folder, and ends with its context.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from throughput import ENVIRONMENT

MODEL = "votebox-mini"
START_S = 600.0
"""Importing torch twice takes minutes where other work shares the cores."""

PATTERNS = [r"\\boxed\{([^}]+)\}", r"```python\s+([^`]+)```"]
"""What its_hub votes on: the box, then the program; its first pattern weighs most."""


def installed(python: str, package: str) -> str | None:
    """Return the version of a package in another Python, None where it is absent."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


@contextmanager
def running(
    command: Sequence[str], port: int, path: str, logs: Path, env: Mapping[str, str]
) -> Iterator[str]:
    """Run a server until the context ends; give its address once `path` answers there."""
    address = f"http://127.0.0.1:{port}"
    log = logs / f"{port}.log"
    with log.open("w") as out:
        given = os.environ | env
        process = subprocess.Popen(command, stdout=out, stderr=out, env=given, cwd=logs)
        try:
            wait_for(f"{address}{path}", process, log)
            yield address
        finally:
            process.terminate()
            process.wait(60)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers; exit with the end of its log when it died or hangs."""
    end = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end:
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.5)
        else:
            return
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
    raise SystemExit(f"{' '.join(map(str, process.args[:3]))} did not start:\n{tail}")


@contextmanager
def vllm(logs: Path, max_tokens: int) -> Iterator[str]:
    """Run vLLM's OpenAI server on votebox-mini; give its address.

    Temperature and length are its defaults, because its_hub's server forwards neither.
    """
    from votebox.deployments import check_model

    port = free_port()
    defaults = f'{{"temperature": 1.0, "max_new_tokens": {max_tokens}}}'
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", check_model(None), "--served-model-name", MODEL),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--dtype", "float32", "--kv-cache-memory-bytes", str(2**29)),
        *("--max-num-seqs", "64", "--max-model-len", "2048", "--enforce-eager"),
        *("--no-enable-chunked-prefill", "--disable-uvicorn-access-log"),
        *("--override-generation-config", defaults),
    ]
    env = {**ENVIRONMENT, "VLLM_PLUGINS": "", "TORCH_COMPILE_DISABLE": "1"}
    with running(command, port, "/health", logs, env) as address:
        yield address


@contextmanager
def optillm(python: str, model_url: str, logs: Path) -> Iterator[str]:
    """Run optillm's proxy in front of the model; give its address."""
    port = free_port()
    command = [
        *(python, "-c", "from optillm.server import main; main()"),
        *("--base-url", f"{model_url}/v1", "--port", str(port), "--log", "error"),
    ]
    env = {"OPENAI_API_KEY": "none", "HF_HUB_OFFLINE": "1"}
    with running(command, port, "/v1/models", logs, env) as address:
        yield address


@contextmanager
def its_hub(python: str, model_url: str, logs: Path) -> Iterator[str]:
    """Run its_hub's service, configured for the model; give its address."""
    port = free_port()
    module = "its_hub.integration.iaas.app_server"
    command = [python, "-m", module, "--port", str(port), "--log-level", "ERROR"]
    settings = {
        "endpoint": f"{model_url}/v1",
        "api_key": "none",
        "model": MODEL,
        "alg": "self-consistency",
        "regex_patterns": PATTERNS,
    }
    with running(command, port, "/v1/models", logs, {}) as address:
        httpx.post(f"{address}/configure", json=settings, timeout=60).raise_for_status()
        yield address


class Meter:
    """Read vLLM's own counters."""

    def __init__(self, model_url: str) -> None:
        self._url = f"{model_url}/metrics"

    def tokens(self) -> int:
        """Return the tokens generated so far, once nothing is running any more."""
        while True:
            values = self._values()
            if not values["num_requests_running"] + values["num_requests_waiting"]:
                return int(values["generation_tokens_total"])
            time.sleep(0.01)

    def _values(self) -> dict[str, float]:
        lines = httpx.get(self._url).text.splitlines()
        named = (line.removeprefix("vllm:") for line in lines if line.startswith("vllm:"))
        return {line.split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in named}


def free_port() -> int:
    """Return a port that was free just now."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
