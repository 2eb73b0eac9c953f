"""Start vLLM's engine in this process, as fast as it goes.

The one place that knows how vLLM is configured and imported for the embedded engine.
Nothing here is imported before it is called.
"""

import contextlib
import gc
import json
import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from votebox.deployments.imports import without
from votebox.deployments.model_source import check_model, is_mini
from votebox.plugins import EngineError

if TYPE_CHECKING:
    from vllm.v1.engine.llm_engine import LLMEngine

__all__ = ["release_llm", "start_llm"]

ENVIRONMENT: Final = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine in this process: no second import
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_PLUGINS": "",  # none of ours; finding them imports each
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
}
"""Set where the environment does not say otherwise."""

EAGER: Final = {
    # vLLM compiles its samplers even in eager mode: 25 s at the first token, more at the
    # first batch, and a C++ compiler that a bare machine lacks.
    "TORCH_COMPILE_DISABLE": "1",
}

ONE_THREAD: Final = {
    # A small model on few cores: a second OpenMP thread spins while it waits for the
    # first, ten times slower whenever anything else runs on those cores.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
}

DEFAULTS: Final[Mapping[str, Any]] = {
    "disable_log_stats": True,
    "distributed_executor_backend": "uni",
    # vLLM 0.29 winds back the generator of a seeded request whose prompt it read in part,
    # which CPU generators cannot do: the engine dies. So prompts are read whole.
    "enable_chunked_prefill": False,
    "enforce_eager": True,
    "seed": 0,
    "use_tqdm_on_load": False,
}
"""How the embedded engine differs from vLLM's own defaults; engine_kwargs win over it."""

MINI: Final[Mapping[str, Any]] = {
    "dtype": "float32",  # few CPUs have bfloat16 arithmetic; emulated, it is three times slower
    "kv_cache_memory_bytes": 512 * 2**20,
    "max_num_seqs": 64,
}
"""What serves the packaged model, besides; engine_kwargs win over it."""

_live: "weakref.WeakSet[LLMEngine]" = weakref.WeakSet()
"""Engines of this process; the last one to go takes vLLM's process-wide groups along."""


def start_llm(
    model: str,
    source: str | None,
    engine_kwargs: Mapping[str, Any],
    *,
    trust_remote_code: bool = False,
) -> "LLMEngine":
    """Return vLLM's engine, ready to step in the calling thread, which then owns it.

    Raises:
        EngineError: no model there, no vLLM here, or vLLM refused to start.
    """
    where = check_model(source)
    settings = {**DEFAULTS, **(MINI if is_mini(source) else {}), **engine_kwargs}
    settings |= {"model": where, "trust_remote_code": trust_remote_code}
    _prepare(settings, mini=is_mini(source))
    collecting = gc.isenabled()
    gc.disable()  # nothing of five thousand imported modules is garbage
    try:
        with without(*_unused(settings)):
            llm = _start(settings)
    except ImportError as e:
        fix = "install votebox[cpu] or votebox[gpu]"
        raise EngineError(model, f"vLLM cannot be imported: {e}", fix) from e
    except Exception as e:
        # vLLM raises whatever its parts do; all of it means that the model cannot start.
        raise EngineError(model, f"vLLM cannot start it from {where}: {_first_line(e)}") from e
    finally:
        if collecting:
            gc.enable()
    _live.add(llm)
    return llm


def release_llm(llm: "LLMEngine") -> None:
    """Free an engine's memory, and vLLM's process-wide groups with the last one.

    While another engine lives nothing may be shut down: its groups would go, too.
    """
    _live.discard(llm)
    if _live:
        return
    # An engine that died may fail to shut down, too; there is nothing left to save.
    with contextlib.suppress(Exception):
        llm.engine_core.shutdown()
    with contextlib.suppress(Exception):
        from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

        cleanup_dist_env_and_memory()


def _prepare(settings: Mapping[str, Any], *, mini: bool) -> None:
    wanted = dict(ENVIRONMENT)
    if settings["enforce_eager"]:
        wanted |= EAGER
    if mini:
        wanted |= ONE_THREAD
    if Path(settings["model"]).is_dir():
        wanted["HF_HUB_OFFLINE"] = "1"
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def _unused(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Name packages that vLLM imports if it can, and never uses for these settings: 3 s."""
    unused = ["pandas"]
    if settings["distributed_executor_backend"] == "uni":
        unused.append("ray")
    if not settings.get("otlp_traces_endpoint"):
        unused.append("opentelemetry")
    return tuple(unused)


def _start(settings: Mapping[str, Any]) -> "LLMEngine":
    import torch

    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        torch.set_num_threads(int(threads))  # the variable is too late if torch was imported
    from vllm.engine.arg_utils import EngineArgs
    from vllm.v1.engine.llm_engine import LLMEngine

    _register_class(Path(settings["model"]))
    config = EngineArgs(**settings).create_engine_config()
    return LLMEngine.from_vllm_config(config, disable_log_stats=settings["disable_log_stats"])


def _register_class(folder: Path) -> None:
    """Have vLLM inspect the model's class in this process, which imports it anyway.

    Otherwise it starts another process that imports all of vLLM to look, unless that was
    done on this machine before: half a minute of the first start.
    """
    from vllm.model_executor.models.registry import ModelRegistry

    try:
        names = json.loads((folder / "config.json").read_text("utf-8"))["architectures"]
    except (OSError, ValueError, KeyError):
        return  # a hub's model, or one vLLM will complain of itself
    for name in names:
        known = ModelRegistry.models.get(name)
        if known is not None:
            ModelRegistry.register_model(name, known.load_model_cls())


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"
