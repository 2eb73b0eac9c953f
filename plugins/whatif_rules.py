"""Ask real stop rules and dispatchers about simulated votes, once for each state.

A rule declared to look at the lead (registry.py) is asked once for each (planned, finished,
v1, v2); any other once for each course of the votes (whatif_views.py).
"""

from typing import Final

from votebox.plugins.calls import call, expect
from votebox.plugins.recipe import Use
from votebox.plugins.voting import Advice, VoteState

__all__ = ["Book"]

_MOST_KEPT: Final = 2**16
"""So many states are remembered: some 40 MiB."""


class Book:
    """Keep what a stop rule and a dispatcher said about each state.

    Without a dispatcher one chain runs after another. `lead_only` says that both look at
    no more than the lead.
    """

    def __init__(self, stop: Use, dispatch: Use | None = None) -> None:
        self.stop, self.dispatch = stop, dispatch
        self.uses = (stop,) if dispatch is None else (stop, dispatch)
        self.lead_only = _lead_only(stop) and (dispatch is None or _lead_only(dispatch))
        self._lead_stop = _lead_only(stop)
        self._advice: dict[VoteState, Advice] = {}
        self._wanted: dict[tuple[VoteState, int], int] = {}

    def advice(self, state: VoteState) -> Advice:
        """Return the rule's advice; raise PluginError naming a rule that fails."""
        if self._lead_stop and state.order:
            counts = state.counts[:2]
            state = VoteState(state.planned, state.finished, counts, state.chain_weight)
        known = self._advice.get(state)
        if known is None:
            said = call(self.stop.plugin, self.stop.options, state)
            if len(self._advice) >= _MOST_KEPT:
                self._advice.clear()  # courses of votes seldom come again; leads never get so many
            known = self._advice[state] = expect(self.stop.plugin, said, Advice)
        return known

    def wanted(self, state: VoteState, in_flight: int) -> int:
        """Return how many chains the dispatcher would have in flight, at least 1."""
        use = self.dispatch
        if use is None:
            return 1
        known = self._wanted.get((state, in_flight))
        if known is None:
            said = call(use.plugin, use.options, state, self.advice(state), in_flight)
            known = min(max(1, expect(use.plugin, said, int)), state.left)
            if len(self._wanted) >= _MOST_KEPT:
                self._wanted.clear()
            self._wanted[state, in_flight] = known
        return known


def _lead_only(use: Use) -> bool:
    return use.plugin.looks_at == "lead"
