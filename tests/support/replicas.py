"""Find and kill the processes behind a Serve application that this process started."""

import os
import signal
from pathlib import Path

from votebox.cluster.keeper import descendants


def replicas(deployment: str, *, above: int = 0) -> list[int]:
    """Return the processes of the replicas of APP:DEPLOYMENT below process `above`, else ours."""
    return [pid for pid in descendants(above or os.getpid()) if _serves(pid, deployment)]


def kill(deployment: str, *, above: int = 0) -> list[int]:
    """Kill every replica of APP:DEPLOYMENT at once; return which processes they were."""
    found = replicas(deployment, above=above)
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return found


def _serves(pid: int, deployment: str) -> bool:
    try:
        title = Path("/proc", str(pid), "cmdline").read_bytes().decode(errors="replace")
    except OSError:  # it has just ended
        return False
    _, _, name = title.rstrip("\0 ").partition("ray::ServeReplica:")
    return name.split(".")[0] == deployment
