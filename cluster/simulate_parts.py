"""Hold the parts of a simulated cluster: each is a queue, and the routes lead to them.

Replicas of the model share themselves among their chains, at the roofline's rate for so many.
Programs wait for jails, ends of chains for their solver, questions for the ingress and for a
place in a solver. What a solve does with them is simulate_solve.py's affair.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from votebox.cluster.capacity import Case, Plan, messages
from votebox.cluster.capacity_questions import Questions
from votebox.cluster.queues import Clock, Places, Servers, Sharing
from votebox.plugins import Recipe
from votebox.plugins.whatif_rules import Book

__all__ = ["Fabric", "Model", "Route", "Settings", "Solver", "Stream"]

Route = Literal["session", "two"]
type Begin = Callable[["Model"], bool]

_FULL: Final = 0.99
"""What of a solver's time messages may take before the rest crawls."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Say how to simulate: how many solves are counted, by which route, from which seed.

    `route` session keeps a question on one replica, or another if that is full; two takes the
    less busy of two for each stream, as Serve's own router.
    """

    solves: int = 4000
    route: Route = "session"
    seed: int = 0


class Model:
    """One replica of the model: its chains, and the streams that are open on it."""

    __slots__ = ("chains", "place", "streams")

    def __init__(self, clock: Clock, speeds: Sequence[float], place: int) -> None:
        self.chains = Sharing(clock, speeds)
        self.streams, self.place = 0, place


class Stream:
    """One stream of a solve on one replica; open while any of its chains writes."""

    __slots__ = ("model", "open")

    def __init__(self, model: Model) -> None:
        self.model, self.open = model, 0


class Solver:
    """One solver replica: a core that ends of chains queue for, and the solves it holds."""

    __slots__ = ("core", "solves")

    def __init__(self, clock: Clock) -> None:
        self.core = Servers(clock, 1)
        self.solves = 0


class Fabric:
    """Hold every part of the cluster, and route streams and solves among them."""

    def __init__(self, plan: Plan, questions: Questions, recipe: Recipe, how: Settings) -> None:
        case = plan.case
        self.case, self.how, self.recipe = case, how, recipe
        self.questions = [
            (e.tokens.tolist(), e.votes.tolist(), e.ranks.tolist()) for e in questions.experiments
        ]
        self.book = Book(recipe.stop, recipe.dispatch)
        self.source = random.Random(how.seed)  # noqa: S311 - a simulation, no secrets
        self.clock = Clock()
        speeds = _speeds(case)
        self.models = [Model(self.clock, speeds, place) for place in range(plan.replicas)]
        self._kept, self._full, self._most_streams = plan.replicas, 0, case.fleet.streams
        self._waiting: deque[tuple[float, int, Begin]] = deque()
        self.chains_waiting, self.routed_s = 0, 0.0
        by_name = {part.name: part for part in plan.parts}
        self.solvers = [Solver(self.clock) for _ in range(by_name["solvers"].has)]
        self.jails = Servers(self.clock, by_name["jails"].has)
        self.ingress = Servers(self.clock, 1)
        self.places = Places(self.clock, len(self.solvers) * case.fleet.max_ongoing)
        self._message_s = case.message_s
        self.message_rate = 0.0
        self.messages = self.streams_s = 0.0
        self.streams = 0
        self._since = 0.0

    def route(self, home: float, chains: int, begin: Begin) -> None:
        """Have a stream of `chains` begin on a replica with room; it waits for one if need be.

        `home` in [0, 1) is the question's place on the ring. `begin` takes the replica, and says
        whether it still wants it.
        """
        model = self._with_room(home)
        if model is None:
            self._waiting.append((self.clock.now, chains, begin))
            self.chains_waiting += chains
        else:
            begin(model)

    def _with_room(self, home: float) -> Model | None:
        """Return the replica of the route, another where that is full, None where all are."""
        models, source, most = self.models, self.source, self._most_streams
        two = [models[source.randrange(self._kept)] for _ in range(2)]
        if self.how.route == "session":
            own = models[int(home * self._kept)]
            if own.streams < most:
                return own
        found = min(two, key=lambda model: model.streams)
        if found.streams < most:
            return found
        if self._full >= self._kept:
            return None
        start = source.randrange(self._kept)
        around = (models[(start + n) % self._kept] for n in range(self._kept))
        return next((model for model in around if model.streams < most), None)

    def keep(self, replicas: int) -> None:
        """Send new streams to so many replicas alone; the others end those they have."""
        before, self._kept = self._kept, min(max(1, replicas), len(self.models))
        kept = self.models[: self._kept]
        self._full = sum(model.streams >= self._most_streams for model in kept)
        for model in kept[before:]:
            self._fill(model)

    def _fill(self, model: Model) -> None:
        """Let streams that wait begin on a replica, while it has room."""
        while self._waiting and model.streams < self._most_streams:
            asked, chains, begin = self._waiting.popleft()
            self.chains_waiting -= chains
            if begin(model):
                self.routed_s += chains * (self.clock.now - asked)

    def solver(self) -> Solver:
        """Return the solver for a solve: the less busy of two, as Serve chooses."""
        source, solvers = self.source, self.solvers
        two = (solvers[source.randrange(len(solvers))] for _ in range(2))
        return min(two, key=lambda solver: solver.solves)

    def opened(self, model: Model, change: int) -> None:
        """Count a stream that opens or closes, and the messages that it brings or takes away."""
        self.settle_streams()
        batch_s, most = self.case.costs.batch_s, self._most_streams
        before, was_full = messages(model.streams, batch_s), model.streams >= most
        model.streams += change
        self.streams += change
        self.message_rate += messages(model.streams, batch_s) - before
        if model.place < self._kept:
            self._full += (model.streams >= most) - was_full
            if change < 0 and self._waiting:
                self._fill(model)

    def settle_streams(self) -> None:
        """Bring the count of messages, and of streams, up to now."""
        passed = self.clock.now - self._since
        self.messages += passed * self.message_rate
        self.streams_s += passed * self.streams
        self._since = self.clock.now

    @property
    def message_share(self) -> float:
        """Return the part of each solver's time that messages take, 1 and more: all of it."""
        return self.message_rate * self._message_s / len(self.solvers)

    def walk_s(self) -> float:
        """Return the seconds a solver now takes for the end of a chain, beside its messages."""
        free = 1 - min(_FULL, self.message_share)
        return self.case.costs.chain_cpu_ms / 1e3 / free

    def program_s(self) -> float:
        """Draw the seconds of one program: exponential, the mean being the demand's."""
        mean_s = self.case.demand.program_s
        return self.source.expovariate(1 / mean_s) + self.case.costs.sandbox_cpu_ms / 1e3

    def programs(self) -> int:
        """Draw the programs of a chain: the whole number below the mean, or the one above."""
        whole, part = divmod(self.case.demand.programs, 1)
        return int(whole) + (self.source.random() < part)

    def forget(self) -> None:
        """Begin all statistics anew."""
        for queue in self._queues():
            queue.forget()
        self.settle_streams()
        self.messages = self.streams_s = self.routed_s = 0.0

    def settle(self) -> None:
        """Bring all statistics up to now."""
        for queue in self._queues():
            queue.settle()
        self.settle_streams()

    def _queues(self) -> list[Servers | Sharing | Places]:
        models = (model.chains for model in self.models)
        cores = (solver.core for solver in self.solvers)
        return [*models, *cores, self.jails, self.ingress, self.places]


def _speeds(case: Case) -> list[float]:
    """Return the tokens a second of a chain beside n - 1 others, by n."""
    context = case.demand.context
    steps = (case.replica.step(n, context, case.costs).s for n in range(1, case.fits + 1))
    return [0.0, *(1 / step_s for step_s in steps)]
