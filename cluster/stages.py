"""Put into words what a starting application is doing, and why it failed.

Pure functions over the names and messages Ray Serve gives.
"""

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["root_cause", "stage_text", "what_failed"]

# How a deployment's name starts, and what its start does, the slowest first.
_WORK: Final = (
    ("LLM", "loading the model"),
    ("Model", "loading the model"),
    ("Jail", "starting the sandbox"),
    ("Solver", "starting the solver"),
    ("Ingress", "starting the ingress"),
)
_ERROR_LINE: Final = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Unavailable)\b.*)$")


def stage_text(states: Mapping[str, str]) -> str:
    """Say what deployments that are not HEALTHY yet are doing.

    >>> stage_text({"LLM": "UPDATING", "Jails": "UPDATING", "Solver": "HEALTHY"})
    'loading the model, starting the sandbox'
    """
    waiting = [name for name, state in states.items() if state != "HEALTHY"]
    found = [words for start, words in _WORK if any(name.startswith(start) for name in waiting)]
    unknown = [f"starting {n}" for n in waiting if not n.startswith(tuple(s for s, _ in _WORK))]
    return ", ".join(dict.fromkeys(found + unknown)) or "deploying the application"


def what_failed(message: str) -> str:
    r"""Return the line of a traceback or status message that says most.

    >>> what_failed("Traceback:\n  File x\nvllm.EngineError: no memory\n\nlogs: y")
    'EngineError: no memory'
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    errors = [m.group(1) for line in lines if (m := _ERROR_LINE.match(line))]
    return errors[-1] if errors else (lines[-1] if lines else "unknown reason")


def root_cause(error: BaseException) -> Exception:
    """Return the error of ours inside what Ray wraps around it.

    Ray raises a task's error as a class that inherits the original's and carries it in
    `cause`; its text is a whole traceback.
    """
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception):
        return root_cause(cause)
    return error if isinstance(error, Exception) else RuntimeError(str(error))
