"""Share the simulation of plans among processes; the result is that of one."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import groupby
from multiprocessing import get_context
from typing import Final

from votebox.plugins.registry import Registry
from votebox.plugins.whatif import Experiment, Outcome
from votebox.plugins.whatif_plans import Plan, Simulator, Study

__all__ = ["outcomes_of"]

_ENOUGH: Final = 4
_WORTH: Final = 2**23
"""So many chains of trials take as long as starting a process or two, about three seconds."""
_SLOW: Final = 24
"""How much longer a chain takes where plugins are asked about each course of votes."""
_Job = tuple[Sequence[Plan], Sequence[Experiment]]


def outcomes_of(
    plans: Sequence[Plan],
    experiments: Sequence[Experiment],
    simulator: Simulator,
    workers: int | None = None,
) -> list[Outcome]:
    """Return the outcome of each plan over all experiments, which stand sorted by group.

    The trials of a group depend on the seed and their names alone, so it does not matter
    where they run. A process of its own loads its registry, as every process does. Without
    `workers` there is one a core where the work is longer than starting them.
    """
    if workers is None:
        workers = _cores() if _cells(plans, experiments, simulator) > _WORTH else 1
    groups = [tuple(members) for _, members in groupby(experiments, key=lambda e: e.group)]
    # Few groups leave processes idle unless plans are shared out, too.
    size = len(plans) if len(groups) >= _ENOUGH * workers else 1
    jobs = [(plans[n : n + size], g) for n in range(0, len(plans), size) for g in groups]
    if workers < 2 or len(jobs) < 2:
        found = [simulator.run(*job) for job in jobs]
    else:
        found = _shared(jobs, simulator.study, min(workers, len(jobs)))
    rows = [found[n : n + len(groups)] for n in range(0, len(found), len(groups))]
    return [Outcome.joined(parts) for row in rows for parts in zip(*row, strict=True)]


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not everywhere, but heeds containers
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _cells(plans: Sequence[Plan], experiments: Sequence[Experiment], simulator: Simulator) -> int:
    """Return the chains of all trials of all plans, slow ones counted as often as they last."""
    each = len(experiments) * simulator.study.orders * simulator.study.chains
    return each * sum(_SLOW if simulator.slow([plan]) else 1 for plan in plans)


def _shared(jobs: Sequence[_Job], study: Study, workers: int) -> list[list[Outcome]]:
    # Spawned, not forked: a fork would copy the locks of Arrow's threads.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        asked = [pool.submit(_run, job, study) for job in jobs]
        try:
            return [future.result() for future in asked]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _run(job: _Job, study: Study) -> list[Outcome]:
    return _simulator(study).run(*job)


@cache
def _simulator(study: Study) -> Simulator:
    """Return the simulator of this process, made once."""
    return Simulator(study, Registry.load())
