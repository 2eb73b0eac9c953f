"""Simulate one solve: chains that write, run programs, end and vote, until the rule fires.

The order of things is that of plugins/run.py: whenever a chain ends, the stop rule is asked,
then the dispatcher, both through whatif_rules.Book; at the end what is in flight is ended.
"""

from collections.abc import Sequence
from functools import partial

from votebox.cluster.queues import Job
from votebox.cluster.simulate_parts import Fabric, Model, Solver, Stream
from votebox.plugins.whatif_views import Course

__all__ = ["Solve"]


class _Chain:
    """One chain: with `rounds` it writes on after each of its programs, else they come last."""

    __slots__ = ("job", "length", "programs", "rounds", "stream", "vote")

    def __init__(self, tokens: int, programs: int, vote: int, *, rounds: bool) -> None:
        self.programs, self.rounds, self.vote = programs, rounds, vote
        self.length = tokens / (programs + 1) if rounds else tokens
        self.job: Job | None = None
        self.stream: Stream | None = None


class Solve:
    """One question from its arrival to its answer; `seconds` is None before that.

    `tokens` counts those of chains that were ended, too. `late` says that the deadline ended it.
    """

    __slots__ = (
        "_arrived",
        "_course",
        "_fabric",
        "_flying",
        "_home",
        "_left",
        "_solver",
        "began",
        "chains",
        "late",
        "seconds",
        "tokens",
    )

    def __init__(self, fabric: Fabric) -> None:
        self._fabric, self._arrived = fabric, fabric.clock.now
        self._home = fabric.source.random()
        self._flying: dict[_Chain, None] = {}  # in the order of their start, so that runs repeat
        self._left: list[tuple[int, int]] = []
        self.tokens, self.chains = 0.0, 0
        self.late = False
        self.seconds: float | None = None
        fabric.ingress.submit(fabric.case.costs.ingress_cpu_ms / 1e3, self._enter)

    def _enter(self) -> None:
        self._fabric.places.ask(self._start)

    def _start(self) -> None:
        fabric = self._fabric
        source, recipe = fabric.source, fabric.recipe
        tokens, votes, ranks = source.choice(fabric.questions)
        planned = source.sample(range(len(tokens)), min(recipe.chains, len(tokens)))
        self._left = [(tokens[n], votes[n]) for n in reversed(planned)]
        self._course = Course(ranks)
        self._solver: Solver = fabric.solver()
        self._solver.solves += 1
        if recipe.budget.deadline_s is not None:
            fabric.clock.after(recipe.budget.deadline_s, self._end_late)
        self._ask()

    def _ask(self) -> None:
        """Ask the rule, then the dispatcher, and do what they say."""
        book, flying = self._fabric.book, len(self._flying)
        planned = len(self._course.votes) + flying + len(self._left)
        state = self._course.state(planned)
        if state.left <= 0 or book.advice(state).stop:
            self._conclude()
            return
        more = book.wanted(state, flying) - flying
        if more > 0:
            self._open([self._launched() for _ in range(more)])

    def _launched(self) -> _Chain:
        tokens, vote = self._left.pop()
        rounds = self._fabric.recipe.rounds > 1
        chain = _Chain(tokens, self._fabric.programs(), vote, rounds=rounds)
        self._flying[chain] = None
        self.chains += 1
        return chain

    def _open(self, chains: Sequence[_Chain]) -> None:
        self._fabric.route(self._home, len(chains), partial(self._begin, chains))

    def _begin(self, chains: Sequence[_Chain], model: Model) -> bool:
        """Have chains write on a replica, in one stream; not where the solve is over."""
        if self.seconds is not None:
            return False
        self._fabric.opened(model, 1)
        stream = Stream(model)
        for chain in chains:
            self._write(chain, stream)
        return True

    def _write(self, chain: _Chain, stream: Stream) -> None:
        stream.open += 1
        chain.stream = stream
        chain.job = stream.model.chains.submit(chain.length, partial(self._written, chain))

    def _close(self, chain: _Chain) -> None:
        stream, chain.stream, chain.job = chain.stream, None, None
        if stream is not None:
            stream.open -= 1
            if not stream.open:
                self._fabric.opened(stream.model, -1)

    def _written(self, chain: _Chain) -> None:
        self._close(chain)
        self.tokens += chain.length
        self._run_next(chain)

    def _run_next(self, chain: _Chain) -> None:
        fabric = self._fabric
        if chain.programs:
            chain.programs -= 1
            chain.job = fabric.jails.submit(fabric.program_s(), partial(self._ran, chain))
        else:
            fabric.clock.after(fabric.case.costs.text_ms / 1e3, self._read, chain)

    def _ran(self, chain: _Chain) -> None:
        chain.job = None
        self._fabric.clock.after(self._fabric.case.costs.handle_ms / 1e3, self._go_on, chain)

    def _go_on(self, chain: _Chain) -> None:
        if self.seconds is None:
            if chain.rounds:
                self._open([chain])
            else:
                self._run_next(chain)

    def _read(self, chain: _Chain) -> None:
        if self.seconds is None:
            self._solver.core.submit(self._fabric.walk_s(), partial(self._heard, chain))

    def _heard(self, chain: _Chain) -> None:
        if self.seconds is None:
            del self._flying[chain]
            self._course = self._course.then(chain.vote, 1.0)
            self._ask()

    def _end_late(self) -> None:
        if self.seconds is None:
            self.late = True
            self._conclude()

    def _conclude(self) -> None:
        fabric = self._fabric
        self.seconds = fabric.clock.now - self._arrived
        flying, self._flying = self._flying, {}
        for chain in flying:
            if chain.stream is not None and chain.job is not None:
                self.tokens += chain.stream.model.chains.cancel(chain.job)
                self._close(chain)
            elif chain.job is not None:
                fabric.jails.cancel(chain.job)
        self._solver.solves -= 1
        fabric.places.leave()
