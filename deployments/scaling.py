"""Say how many solver replicas there should be: by the chains they carry.

A solve has one chain or four thousand, so solves in flight say little of what a solver does;
Serve's own rule would count them. Pure: Serve calls it in its controller, with its context.
"""

import math
from typing import Any, Final

__all__ = ["CHAINS", "POLICY", "ByChains"]

CHAINS: Final = "chains"
"""The name under which a solver replica reports the chains it has in flight."""

POLICY: Final = "votebox.deployments.scaling.ByChains"
"""Where Ray Serve finds the policy."""


class ByChains:
    """Ask for a replica per `chains` chains in flight, and enough for every solve that waits.

    `solves` is how many one replica takes. Serve adds the bounds and the delays.
    """

    def __init__(self, chains: int, solves: int) -> None:
        self._chains, self._solves = chains, solves

    def __call__(self, context: Any) -> tuple[int, dict[str, Any]]:
        """Return the replicas wanted, and no state; `context` is Serve's AutoscalingContext."""
        reported = (context.aggregated_metrics or {}).get(CHAINS, {})
        carried = sum(reported.values()) / self._chains
        asked = context.total_num_requests / self._solves
        return math.ceil(max(carried, asked)), {}
