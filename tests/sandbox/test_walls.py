"""What a program cannot reach. Each test attacks one wall."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

import votebox.sandbox
from votebox.sandbox import Limits, Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHECKOUT = Path(votebox.sandbox.__file__).parent


async def attempt(box: Sandbox, code: str) -> str:
    """Run an attack that prints "through" if it succeeds, and return what it printed."""
    execution = await box.run(code, Limits(wall_s=10.0))
    assert execution.status == "ok", execution.stderr
    assert "through" not in execution.stdout
    return execution.stdout


@pytest.mark.parametrize(
    "path",
    ["/etc/shadow", "/etc/passwd", "/proc/1/environ", "/proc/self/mem", "/sys/kernel", "/home"]
    + [str(Path.home() / ".bashrc"), str(CHECKOUT / "box.py"), __file__],
)
async def test_files_of_the_host_do_not_exist(box: Sandbox, path: str) -> None:
    code = (
        "import os\n"
        f"path = {path!r}\n"
        "try:\n"
        "    print('through', os.listdir(path) if os.path.isdir(path) else open(path).read())\n"
        "except OSError as error:\n"
        "    print(type(error).__name__)\n"
    )
    assert await attempt(box, code) == "FileNotFoundError\n"


async def test_the_root_shows_only_what_we_mount(box: Sandbox) -> None:
    execution = await box.run("import os\nprint(*sorted(os.listdir('/')))")
    ours = {"box", "dev", "etc", "lib", "lib64", "site-packages", "tmp", "usr"}
    top_of_the_interpreter = Path(os.path.realpath(sys.executable)).parts[1]
    assert set(execution.stdout.split()) <= ours | {top_of_the_interpreter}


async def test_the_checkout_cannot_be_imported(box: Sandbox) -> None:
    code = "try:\n    import votebox.sandbox\n    print('through')\nexcept ImportError:\n    pass"
    await attempt(box, code)


@pytest.mark.parametrize("path", ["/x", "/usr/lib/x", "/site-packages/x.py", "/dev/x", "/etc/x"])
async def test_system_paths_cannot_be_written(box: Sandbox, path: str) -> None:
    code = f"try:\n    open({path!r}, 'w').write('through')\n    print('through')\n"
    code += "except OSError as error:\n    print('no')\n"
    assert await attempt(box, code) == "no\n"


async def test_the_interpreter_cannot_be_replaced(box: Sandbox) -> None:
    code = (
        "import os, sys\n"
        "for attack in (os.remove, lambda p: os.chmod(p, 0o777), lambda p: open(p, 'r+b')):\n"
        "    for path in (sys.executable, os.__file__):\n"
        "        try:\n            attack(path); print('through')\n"
        "        except OSError: pass\n"
    )
    await attempt(box, code)


async def test_the_environment_is_our_short_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_SECRET", "through")
    async with Sandbox() as box:
        text = await attempt(box, "import os\nprint(*sorted(os.environ))")
    assert set(text.split()) <= {
        *("HOME", "LANG", "TMPDIR", "MALLOC_ARENA_MAX", "LC_CTYPE"),
        *("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONNOUSERSITE", "PYTHONPATH"),
    }


async def test_a_program_is_nobody_without_capabilities(box: Sandbox) -> None:
    code = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None)\n"
        "header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()\n"
        "assert libc.capget(header, data) == 0\n"
        "print(os.getresuid(), os.getresgid(), os.getgroups(), sum(data), libc.prctl(39, 0, 0, 0, 0))\n"
    )
    text = await attempt(box, code)
    assert text.startswith("(65534, 65534, 65534) (65534, 65534, 65534) [")
    assert text.endswith("] 0 1\n")


@pytest.mark.parametrize("number", [0, 1, 1000])
async def test_no_other_identity_can_be_taken(box: Sandbox, number: int) -> None:
    code = (
        "import os\n"
        "for change in (os.setuid, os.setgid, os.seteuid, lambda n: os.setgroups([n])):\n"
        f"    try:\n        change({number}); print('through')\n"
        "    except OSError: pass\n"
    )
    await attempt(box, code)


@pytest.mark.parametrize(
    "address",
    [
        "(socket.AF_INET, socket.SOCK_STREAM), ('1.1.1.1', 53)",
        "(socket.AF_INET, socket.SOCK_STREAM), ('127.0.0.1', 6379)",
        "(socket.AF_INET, socket.SOCK_STREAM), ('169.254.169.254', 80)",
        "(socket.AF_INET6, socket.SOCK_DGRAM), ('::1', 53)",
        "(socket.AF_UNIX, socket.SOCK_STREAM), '\\0abstract'",
        "(socket.AF_NETLINK, socket.SOCK_RAW), (0, 0)",
        "(socket.AF_PACKET, socket.SOCK_RAW), ('lo', 0)",
        "(socket.AF_VSOCK, socket.SOCK_STREAM), (2, 1)",
        "(socket.AF_ALG, socket.SOCK_SEQPACKET), ('hash', 'sha1')",
    ],
)
async def test_no_network_and_no_waiting_for_it(box: Sandbox, address: str) -> None:
    code = (
        "import socket, time\n"
        f"kind, address = {address}\n"
        "began = time.monotonic()\n"
        "try:\n    socket.socket(*kind).connect(address); print('through')\n"
        "except OSError: print('no' if time.monotonic() - began < 1 else 'waited')\n"
    )
    assert await attempt(box, code) == "no\n"


async def test_names_are_not_resolved(box: Sandbox) -> None:
    code = "import socket\ntry:\n    socket.getaddrinfo('example.com', 80); print('through')\n"
    await attempt(box, code + "except OSError: pass\n")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("ptrace", "101, 0, 0, 0, 0"),
        ("mount", "165, b'none', b'/box', b'tmpfs', 0, 0"),
        ("umount", "166, b'/box', 2"),
        ("pivot_root", "155, b'/box', b'/box'"),
        ("chroot", "161, b'/box'"),
        ("unshare user", "272, 0x10000000"),
        ("unshare network", "272, 0x40000000"),
        ("clone user", "56, 0x10000011, 0, 0, 0, 0"),
        ("clone3", "435, 0, 88"),
        ("setns", "308, 0, 0"),
        ("keyctl", "250, 0, -3, 0"),
        ("add_key", "248, b'user', b'a', b'b', 1, -3"),
        ("bpf", "321, 0, 0, 0"),
        ("perf_event_open", "298, 0, 0, -1, -1, 0"),
        ("userfaultfd", "323, 1"),
        ("io_uring_setup", "425, 8, 0"),
        ("kexec_load", "246, 0, 0, 0, 0"),
        ("init_module", "175, 0, 0, b''"),
        ("finit_module", "313, 0, b'', 0"),
        ("personality", "135, 0x0040000"),
        ("open_by_handle_at", "304, 0, 0, 0"),
        ("name_to_handle_at", "303, -100, b'/', 0, 0, 0"),
        ("process_vm_readv", "310, 1, 0, 0, 0, 0, 0"),
        ("process_vm_writev", "311, 1, 0, 0, 0, 0, 0"),
        ("kcmp", "312, 1, 1, 0, 0, 0"),
        ("pidfd_getfd", "438, 0, 0, 0"),
        ("memfd_create", "319, b'a', 0"),
        ("sethostname", "170, b'a', 1"),
        ("clock_settime", "227, 0, 0"),
        ("reboot", "169, 0, 0, 0, 0"),
        ("swapon", "167, b'/box', 0"),
        ("quotactl", "179, 0, 0, 0, 0"),
        ("fsopen", "430, b'tmpfs', 0"),
        ("mknod", "133, b'/box/d', 0o20666, 0x103"),
        ("seccomp", "317, 0, 0, 0"),
        ("prlimit of process 1", "302, 1, 7, 0, 0"),
        ("TIOCSTI", "16, 0, 0x5412, b'a'"),
        ("TIOCSTI high bits", "16, 0, 0x100005412, b'a'"),
        ("TIOCLINUX", "16, 0, 0x541c, b'a'"),
        ("F_SETSIG", "72, 0, 10, 18"),
        ("F_NOTIFY", "72, 0, 1026, 1"),
        ("F_SETLEASE", "72, 0, 1024, 0"),
        ("x32 getpid", "0x40000027,"),
        ("iopl", "172, 3"),
        ("vmsplice", "278, 0, 0, 0, 0"),
    ],
)
async def test_the_kernel_refuses_a_dangerous_call(box: Sandbox, name: str, call: str) -> None:
    code = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        f"arguments = [n if isinstance(n, bytes) else ctypes.c_long(n) for n in ({call})]\n"
        "result = libc.syscall(*arguments)\n"
        f"print('through' if result >= 0 else ctypes.get_errno())  # {name}\n"
    )
    assert await attempt(box, code) in ("1\n", "38\n")  # EPERM, ENOSYS


async def test_a_32_bit_call_does_not_pass_the_filter(box: Sandbox) -> None:
    code = (
        "import ctypes, mmap\n"
        "page = mmap.mmap(-1, 4096, prot=7)\n"
        "page.write(bytes.fromhex('b814000000cd80c3'))  # mov eax, getpid; int 0x80; ret\n"
        "call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))\n"
        "result = call()\n"
        "print('through' if result >= 0 else result)\n"
    )
    execution = await box.run(code)
    assert execution.status in ("ok", "crashed")
    assert "through" not in execution.stdout


async def test_only_its_own_processes_can_be_signalled(box: Sandbox) -> None:
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGSTOP, signal.SIGKILL):\n"
        "    os.kill(1, number)\n"
        "if os.getppid():  # 0 is not its parent but its own group\n"
        "    os.kill(os.getppid(), signal.SIGSEGV)\n"
        "for pid in range(3, 400):\n"
        "    if pid != os.getpid():\n"
        "        try:\n            os.kill(pid, signal.SIGKILL); print('through', pid)\n"
        "        except ProcessLookupError: pass\n"
        "print('alive')\n"
    )
    assert await attempt(box, code) == "alive\n"


async def test_the_result_cannot_be_forged_through_a_descriptor(box: Sandbox) -> None:
    code = (
        "import os\n"
        "open_ones = []\n"
        "for number in range(3, 2048):\n"
        "    try:\n        os.write(number, b'0 0 0.0 0.0 0'); open_ones.append(number)\n"
        "    except OSError: pass\n"
        "os.write(1, b'0 0 0.0 0.0 0\\n'); os.write(2, b'started')\n"
        "print(open_ones, flush=True)\n"
        "os._exit(7)\n"
    )
    execution = await box.run(code)
    assert (execution.status, execution.exit_code) == ("error", 7)
    assert execution.stdout == "0 0 0.0 0.0 0\n[]\n"
    assert execution.wall_s > 0


async def test_stdin_cannot_be_written(box: Sandbox) -> None:
    code = "import os\ntry:\n    os.write(0, b'x'); print('through')\nexcept OSError: pass\n"
    await attempt(box, code)


async def test_limits_cannot_be_raised(box: Sandbox) -> None:
    code = (
        "import resource as r\n"
        "for kind in (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_NPROC, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE):\n"
        "    try:\n        r.setrlimit(kind, (r.RLIM_INFINITY,) * 2); print('through', kind)\n"
        "    except (OSError, ValueError): pass\n"
    )
    await attempt(box, code)


async def test_the_scratch_space_is_bounded(box: Sandbox) -> None:
    code = (
        "import errno\n"
        "for name in 'abc':\n"
        "    try:\n"
        "        with open(name, 'wb') as file:\n"
        "            for _ in range(6): file.write(bytes(2**20))\n"
        "    except OSError as error: print(errno.errorcode[error.errno])\n"
    )
    execution = await box.run(code, Limits(scratch_mib=8))
    assert execution.stdout.splitlines()[-1] in ("ENOSPC", "EFBIG")


async def test_the_number_of_files_is_bounded(box: Sandbox) -> None:
    code = (
        "import errno\n"
        "try:\n    for n in range(100_000): open(str(n), 'w').close()\n"
        "except OSError as error: print(n < 5000, errno.errorcode[error.errno])\n"
    )
    assert (await box.run(code)).stdout == "True ENOSPC\n"


async def test_nothing_of_one_run_is_seen_by_the_next(box: Sandbox) -> None:
    leave = (
        "open('/box/a', 'w').close(); open('/dev/shm/b', 'w').close(); open('/tmp/c', 'w').close()"
    )
    look = "import os\nprint(os.listdir('/box'), os.listdir('/dev/shm'), os.listdir('/tmp'))"
    assert (await box.run(leave)).ok
    assert (await box.run(look)).stdout == "['main.py'] [] ['main.py']\n"


async def test_two_programs_at_once_do_not_see_each_other(box: Sandbox) -> None:
    code = (
        "import os, time\n"
        "open('mine', 'w').close()\n"
        "time.sleep(0.3)\n"
        "print(os.getpid(), sorted(os.listdir('/box')), os.listdir('/dev/shm'))\n"
    )
    one, other = await asyncio.gather(box.run(code), box.run(code))
    assert one.stdout == other.stdout
    assert "['main.py', 'mine'] []" in one.stdout
