"""Make real solves worth looking at: forty chains, programs, failures, a guard, a clock."""

from itertools import count
from typing import Any

from contract import FakeBox, ok, plugin

from votebox.plugins import (
    Problem,
    Prompt,
    Recipe,
    Recorded,
    Registry,
    ReplayEngine,
    SolveOptions,
    Solver,
    load_recipe,
)
from votebox.sandbox import Execution

QUESTION = (
    "How many positive integers $n \\le 1000$ are there such that $n^2 + 1$ is divisible by 5?\n"
    "Give your answer as an integer."
)
HOSTILE = (
    "<script>document.title='owned'</script><img src=http://evil.test/x onerror=alert(1)>"
    "</pre></details></style><style>body{display:none}</style>\"'&amp;<svg onload=alert(2)>"
    "\x1b]0;owned\x07\u202eltr"
)
COUNT = "```python\nprint(sum(1 for n in range(1, 1001) if (n * n + 1) % 5 == 0))\n```"
HALF = "```python\ncount = 0\nfor n in range(1, 1001):\n    if n % 5 == 2:\n        count += 1\nprint(count)\n```"
SLOW = "```python\nn = 1\nwhile n:\n    n += 1\n```"
WRONG = "```python\nprint(coutn)\n```"
_THINKING = (
    "Squares modulo 5 are 0, 1 and 4. So n^2 = -1 = 4 (mod 5) needs n = 2 or n = 3 (mod 5). "
    "Each residue class holds exactly 200 of the first thousand integers. "
)
_REPLIES = (
    (f"Let me count them.\n{COUNT}", "The program agrees: \\boxed{400}"),
    ("The residues 2 and 3 work, 200 numbers each, so the answer is \\boxed{400}.",),
    (f"Only n = 2 (mod 5) works.\n{HALF}", "So \\boxed{200}"),
    (f"Let me count them by a program.\n{COUNT}", "It prints 400. \\boxed{400}"),
    (f"I check it.\n{SLOW}", "That took too long; by hand I find \\boxed{400}"),
    ("again again again again again again again again",),
    (f"Count.\n{WRONG}", f"A typo. Once more.\n{COUNT}", "\\boxed{400}"),
    (f"{HOSTILE} The range has 1000 numbers, \\boxed{{399}}",),
    ("I am not sure that there is an answer.",),
    (f"Let me count them.\n{COUNT}", "Therefore \\boxed{400}."),
)


def ran(code: str) -> Execution:
    """Stand for a sandbox that knows the four programs above."""
    if "while n" in code:
        return Execution(
            "timeout",
            "",
            "ended after 8 s",
            None,
            9,
            8.0,
            7.9,
            31.0,
            truncated=False,
            isolation="fake",
        )
    if "coutn" in code:
        said = "NameError: name 'coutn' is not defined. Did you mean: 'count'?"
        return Execution(
            "error", "", said, 1, None, 0.02, 0.02, 9.0, truncated=False, isolation="fake"
        )
    if "% 5 == 2" in code:
        return ok("200\n")
    return ok("400\n" if "range" in code else f"{HOSTILE}\n")


def repeats(progress: Any, options: Any) -> str | None:
    """End a chain that says one word again and again."""
    return "repetition" if progress.text.count("again") > 4 else None


def known() -> Registry:
    """Return the registry of the built-ins and the guard."""
    guard = plugin(register_stops=lambda register: register("guard:again", repeats))
    return Registry.load(extra=(guard,), allowed=())


def forty(registry: Registry, **changes: str) -> Recipe:
    """Return the recipe `vote` with forty chains and a guard; `changes` replace its text."""
    shipped = registry.recipes["vote"].source
    text = shipped.replace("chains = 16", "chains = 40") + '\n[[guards]]\nuse = "guard:again"\n'
    for old, new in changes.items():
        text = text.replace(old, new)
    return load_recipe(text, registry)


def engine(*, pause_s: float = 0.01) -> ReplayEngine:
    """Return an engine whose chains answer as the table above, by turns."""
    started = count()

    def reply(prompt: Prompt) -> Recorded:
        said = [row for m in prompt.messages if m.role == "assistant" for row in _rows(m.content)]
        turns = len(said)
        number = said[0] if said else next(started) % len(_REPLIES)
        text = _REPLIES[number][min(turns, len(_REPLIES[number]) - 1)]
        thinking = _THINKING * (1 + number % 3)
        return Recorded(text, thinking, "stop", len(text), 40, pause_s * (1 + number % 7))

    return ReplayEngine(reply, model="QwQ-32B")


def _rows(said: str) -> list[int]:
    """Return which row of the table wrote a reply; none where it is no reply of ours."""
    ended = said.strip()
    return [
        n for n, row in enumerate(_REPLIES) if any(ended.endswith(text.strip()) for text in row)
    ][:1]


async def solved(store: Any, *, pause_s: float = 0.01, text: str = QUESTION, **options: Any) -> Any:
    """Solve the question and keep the trace in `store`; return the verdict."""
    registry = known()
    recipe = forty(registry, **options.pop("changes", {}))
    solver = Solver(engine(pause_s=pause_s), FakeBox(ran, pause_s=0.02), registry, store)
    problem = Problem(text, "aime-1", reference="400")
    return await solver.solve(problem, recipe, SolveOptions(**{"seed": 7, **options}))
