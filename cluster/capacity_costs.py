"""Hold every number that a capacity plan multiplies by, with where it is from.

Measured ones name the benchmark of this repository, published ones their source, set ones our
code; assumed ones are the first to replace, with `--set NAME=VALUE` or traces of your own.
docs/capacity.md shows this table, and a test holds it to this file.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Literal

from votebox.cluster.errors import BadUsage

__all__ = ["ORIGINS", "Costs", "Origin", "read_costs"]

Kind = Literal["measured", "published", "assumed", "set"]


@dataclass(frozen=True, slots=True)
class Costs:
    """Hold the constants of a plan; ORIGINS says of each what it is and where it is from.

    Names end in their unit: `_share` is a part of 1, `_cpu_ms` is of one core, other `_ms`, `_us`
    and `_s` are of the clock.
    """

    bandwidth_share: float = 0.7
    flops_share: float = 0.5
    step_ms: float = 1.0
    reduce_us: float = 15.0
    cache_share: float = 0.9
    sequences: float = 256.0
    prompt_tokens: float = 300.0
    programs: float = 1.0
    program_s: float = 1.0
    sandbox_cpu_ms: float = 16.0
    handle_ms: float = 11.0
    text_ms: float = 43.0
    chain_cpu_ms: float = 3.3
    message_cpu_ms: float = 0.7
    text_cpu_ms: float = 0.024
    batch_s: float = 0.05
    ingress_cpu_ms: float = 40.0
    watch_cpu_ms: float = 0.155
    watch_s: float = 0.1
    actors: float = 10_000.0
    placements: float = 1_000.0
    model_start_s: float = 180.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Say what a constant means, how it is known, and where it is from."""

    meaning: str
    kind: Kind
    source: str


ORIGINS: Final[Mapping[str, Origin]] = {
    "bandwidth_share": Origin(
        "of a GPU's memory bandwidth, reached while decoding", "assumed", "a roofline is never met"
    ),
    "flops_share": Origin(
        "of a GPU's TFLOPS, reached in decoding and prefill", "assumed", "as above"
    ),
    "step_ms": Origin("of scheduler and launches in a decoding step", "assumed", "CUDA graphs on"),
    "reduce_us": Origin("an all-reduce takes beside its bytes, two a layer", "assumed", "one node"),
    "cache_share": Origin(
        "of the key-value cache full before chains wait", "assumed", "lengths fluctuate"
    ),
    "sequences": Origin(
        "chains in a batch at most, without max_num_seqs",
        "published",
        "vLLM 0.29; 1,024 on GPUs of 70 GiB or more but the A100",
    ),
    "prompt_tokens": Origin("tokens of a chain's first prompt", "assumed", "stance and question"),
    "programs": Origin("programs of a whole chain", "assumed", "one in each of aimo-qwq's"),
    "program_s": Origin("a program runs", "assumed", "of a 32B model; 0.02 with sympy measured"),
    "sandbox_cpu_ms": Origin(
        "to start and end a program", "measured", "benchmarks/sandbox, fork server"
    ),
    "handle_ms": Origin("Ray adds to a program", "measured", "benchmarks/sandbox, through Ray"),
    "text_ms": Origin("a text is old when the solver has it", "measured", "benchmarks/solve"),
    "chain_cpu_ms": Origin(
        "a solver walks the recipe for a chain", "measured", "benchmarks/solve, three programs"
    ),
    "message_cpu_ms": Origin(
        "a solver takes to receive a message of Ray",
        "assumed",
        "twice Ray's own 1_1_async_actor_calls_with_args_async, 2,836/s",
    ),
    "text_cpu_ms": Origin(
        "and for the text of each chain in it", "measured", "benchmarks/solve/messages.py"
    ),
    "batch_s": Origin(
        "between two messages of a stream, up to ten times that beside others",
        "set",
        "deployments/batching.py",
    ),
    "ingress_cpu_ms": Origin("the ingress takes a question", "measured", "benchmarks/batch"),
    "watch_cpu_ms": Origin(
        "Serve's controller looks at a replica",
        "published",
        "ray-project/ray PR 64507: 1,267 ms for 8,192",
    ),
    "watch_s": Origin("the controller rests between two looks", "published", "Ray Serve's default"),
    "actors": Origin(
        "Ray is tested with", "published", "ray-project/ray, release/benchmarks/README.md"
    ),
    "placements": Origin("placement groups Ray is tested with", "published", "as above"),
    "model_start_s": Origin("a replica of a model takes to start", "assumed", "weights on disk"),
}

_SHARES: Final = frozenset({"bandwidth_share", "flops_share", "cache_share"})


def read_costs(given: Sequence[str], costs: Costs | None = None) -> Costs:
    """Return `costs` with what each `NAME=VALUE` sets; raise BadUsage naming what does not fit.

    >>> read_costs(["program_s=2.5"]).program_s
    2.5
    """
    changes: dict[str, float] = {}
    names = [f.name for f in fields(Costs)]
    for text in given:
        name, equals, value = (piece.strip() for piece in text.partition("="))
        if name not in names or not equals:
            raise BadUsage(f"--set {text!r:.80} sets no constant", f"known: {', '.join(names)}")
        changes[name] = _value(name, value)
    return replace(costs or Costs(), **changes)


def _value(name: str, text: str) -> float:
    most = 1.0 if name in _SHARES else 1e9
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= most:
        raise BadUsage(f"--set {name}={text!r:.40}", f"give a number above 0, at most {most:g}")
    return value
