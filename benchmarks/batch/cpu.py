"""Tell which of a process's descendants took how much CPU since some moment.

Seconds of CPU are what a busy machine leaves comparable: what others do there adds to the
time of the clock, and little to these.
"""

import os
import re
import threading
import time
from collections import Counter
from pathlib import Path

from votebox.cluster.keeper import descendants

__all__ = ["Sampler"]

_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY_S = 0.5


class Sampler(threading.Thread):
    """Note the CPU of this process and all below it twice a second, by kind of process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._samples: list[tuple[float, Counter[str]]] = []
        self.start()

    def run(self) -> None:
        """Sample until the process ends."""
        while True:
            self._samples.append((time.time(), _now()))
            time.sleep(_EVERY_S)

    def since(self, began: float) -> dict[str, float]:
        """Return the seconds since `began` (of `time.time`), the most first, with their sum."""
        first = max((s for s in self._samples if s[0] <= began), key=lambda s: s[0])
        spent = _now()
        spent.subtract(first[1])
        told = {kind: round(seconds, 2) for kind, seconds in spent.most_common() if seconds > 0.1}
        return {"sum": round(spent.total(), 2), **told}


def _now() -> Counter[str]:
    spent: Counter[str] = Counter()
    for pid in (os.getpid(), *descendants(os.getpid())):
        try:
            stat = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
            title = Path("/proc", str(pid), "cmdline").read_text(errors="replace")
        except OSError:  # it has just ended; whoever waited for it has its seconds
            continue
        spent[_kind(title)] += sum(map(int, stat[11:15])) / _TICKS
    return spent


def _kind(title: str) -> str:
    found = re.match(r"(ray::[^\0 ]{1,60}|VLLM::\w{1,20})", title)
    if found:
        return found[1]
    parts = [part.rsplit("/", 1)[-1] for part in title.split("\0")[:3]]
    return " ".join(parts)[:40]
