"""Keep a solve in a folder, and solve from there again: `solve --record` and `--replay`.

The folder holds `engine.jsonl`, `sandbox.jsonl` where programs may run, and `solve.json`, the
question, the recipe's name and the seed. A replay takes virtual time: it waits for nothing,
and its seconds are those of the recording.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from votebox.cluster.errors import BadUsage, Failed

if TYPE_CHECKING:
    from votebox.plugins import Engine, Problem, Recipe, Registry, SandboxPort, SolveOptions

__all__ = ["Asked", "Recorder", "check_folder", "read_asked", "replayed"]

_ENGINE: Final = "engine.jsonl"
_SANDBOX: Final = "sandbox.jsonl"
_SOLVE: Final = "solve.json"


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold what a recorded solve was asked."""

    question: str
    recipe: str
    seed: int


def check_folder(name: str) -> Path:
    """Return the folder to record into, made if need be; one in use is refused."""
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any((folder / part).exists() for part in (_ENGINE, _SANDBOX, _SOLVE)):
            raise BadUsage(f"--record {name} holds a recording", "name another folder")
    except OSError as e:
        raise BadUsage(f"--record {name}: {e}", "name a folder that can be written") from e
    return folder


class Recorder:
    """Stand before the ports of one solve; `engine` and `sandbox` are to be used instead."""

    def __init__(self, folder: Path, engine: "Engine", sandbox: "SandboxPort | None") -> None:
        from votebox.plugins import RecordingEngine, RecordingSandbox

        self._folder = folder
        self.engine = RecordingEngine(engine)
        self.sandbox = None if sandbox is None else RecordingSandbox(sandbox)

    def save(self, question: str, recipe: str, seed: int) -> None:
        """Write the recording; raise Failed where that cannot be."""
        asked = {"question": question, "recipe": recipe, "seed": seed}
        try:
            self.engine.save(self._folder / _ENGINE)
            if self.sandbox is not None:
                self.sandbox.save(self._folder / _SANDBOX)
            (self._folder / _SOLVE).write_text(json.dumps(asked) + "\n", encoding="ascii")
        except OSError as e:
            raise Failed(f"the recording cannot be written: {e}") from e


def read_asked(name: str) -> Asked:
    """Return what the recording in a folder was asked; raise BadUsage if it holds none."""
    try:
        told = json.loads((Path(name) / _SOLVE).read_text("utf-8"))
        asked = Asked(told["question"], told["recipe"], told["seed"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as e:
        problem = f"--replay {name} holds no recording: {type(e).__name__}: {e}"
        raise BadUsage(problem, "record one: votebox solve ... --local --record DIR") from e
    kinds = (type(asked.question), type(asked.recipe), type(asked.seed))
    if kinds != (str, str, int):
        raise BadUsage(f"--replay {name}: {_SOLVE} is not as it was written", "record it anew")
    return asked


def replayed(
    name: str,
    problem: "Problem",
    recipe: "Recipe",
    registry: "Registry",
    options: "SolveOptions",
) -> list[dict[str, Any]]:
    """Return the events of a solve over the recording in a folder; the last has the verdict.

    Raises:
        VoteboxError: it is no recording, or does not hold what the recipe asks for.
    """
    from votebox.plugins import ReplayEngine, ReplaySandbox, Solver, run_virtual, to_wire

    folder = Path(name)
    engine = ReplayEngine.from_recording(folder / _ENGINE)
    box = None
    if (folder / _SANDBOX).exists():
        box = ReplaySandbox.from_recording(folder / _SANDBOX)
    solver = Solver(engine, box, registry)

    async def events() -> list[dict[str, Any]]:
        return [to_wire(e) async for e in solver.events(problem, recipe, options)]

    return run_virtual(events())
