"""Share the simulation of plans among processes; the result is that of one."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import groupby, product
from multiprocessing import get_context

from votebox.plugins.registry import Registry
from votebox.plugins.whatif import Experiment, Outcome
from votebox.plugins.whatif_plans import Plan, Simulator, Study

__all__ = ["outcomes_of"]


def outcomes_of(
    plans: Sequence[Plan],
    experiments: Sequence[Experiment],
    simulator: Simulator,
    workers: int,
) -> list[Outcome]:
    """Return the outcome of each plan over all experiments, which stand sorted by group.

    The trials of a group depend on the seed and their names alone, so it does not matter
    where they run. A process of its own loads its registry, as every process does.
    """
    groups = [tuple(members) for _, members in groupby(experiments, key=lambda e: e.group)]
    jobs = list(product(plans, groups))
    if workers < 2 or len(jobs) < 2:
        found = [simulator.run(plan, members) for plan, members in jobs]
    else:
        # Spawned, not forked: a fork would copy the locks of Arrow's threads.
        with ProcessPoolExecutor(min(workers, len(jobs)), get_context("spawn")) as pool:
            asked = [pool.submit(_run, plan, members, simulator.study) for plan, members in jobs]
            try:
                found = [future.result() for future in asked]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    size = len(groups)
    return [Outcome.joined(found[n : n + size]) for n in range(0, len(found), size)]


def _run(plan: Plan, experiments: Sequence[Experiment], study: Study) -> Outcome:
    return _simulator(study).run(plan, experiments)


@cache
def _simulator(study: Study) -> Simulator:
    """Return the simulator of this process, made once."""
    return Simulator(study, Registry.load())
