"""Hostile programs by class, each with the status it must end with.

`LIMITS` bound all of them. The classes are those of the threat model in docs/sandbox.md.
"""

from votebox.sandbox import Limits

LIMITS = Limits(wall_s=1.0, cpu_s=3.0, memory_mib=192, output_kib=16, processes=8, scratch_mib=8)

TRY = "try:\n    {0}\n    print('through')\nexcept BaseException as error:\n    print(type(error).__name__)\n"


def fails(*statements: str, head: str = "") -> list[tuple[str, str]]:
    """Return programs that try something that must raise; they end well, and not through."""
    return [(head + TRY.format(statement), "ok") for statement in statements]


C = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
CALL = C + (
    "def call(*a):\n    if libc.syscall(*a) == -1: raise OSError(ctypes.get_errno(), 'refused')\n"
)
IGNORE = (
    "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\n"
)

HOSTILE: dict[str, list[tuple[str, str]]] = {
    "processor": [
        ("while True: pass", "timeout"),
        (IGNORE + "while True: pass", "timeout"),
        ("10 ** (10 ** 9)", "timeout"),
        ("import re\nre.match('(a+)+$', 'a' * 40 + 'b')", "timeout"),
        ("import sympy\nsympy.factorint(2**521 * (2**607 - 1) * 3 + 2)", "timeout"),
        ("import numpy as np\na = np.ones((1500, 1500))\nwhile True: a @ a", "timeout"),
        ("import time\ntime.sleep(1e6)", "timeout"),
        ("import select\nselect.select([], [], [])", "timeout"),
        ("import threading\nthreading.Event().wait()", "timeout"),
        (
            "import threading\nthreading.Lock().acquire()\na = threading.Lock(); a.acquire(); a.acquire()",
            "timeout",
        ),
        ("import asyncio\nasyncio.run(asyncio.sleep(1e6))", "timeout"),
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(1e6,)).start()",
            "timeout",
        ),
        ("import atexit, time\natexit.register(time.sleep, 1e6)", "timeout"),
        ("class A:\n    def __del__(self):\n        while True: pass\na = A()", "timeout"),
        ("try:\n    1 / 0\nfinally:\n    while True: pass", "timeout"),
        (
            "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
            "timeout",
        ),
        (
            "import sys\nsys.setswitchinterval(1e9)\nimport threading\nfor _ in range(4): threading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()",
            "timeout",
        ),
        (
            "import signal\nsignal.signal(signal.SIGALRM, lambda *a: None)\nsignal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)\nwhile True: pass",
            "timeout",
        ),
        (
            "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
            "timeout",
        ),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "timeout"),
        ("import os\nif os.fork() == 0:\n    while True: pass\nos.wait()", "timeout"),
        ("import sys\nsys.excepthook = lambda *a: [None for _ in iter(int, 1)]\n1 / 0", "timeout"),
    ],
    "processes": [
        ("import os\nwhile True: os.fork()", "processes"),
        ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "timeout"),
        (
            IGNORE + "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
            "timeout",
        ),
        (
            "import threading, time\nfor _ in range(100): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
            "processes",
        ),
        (
            "import subprocess, sys\nfor _ in range(40): subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
            "processes",
        ),
        (
            "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n    os._exit(0)",
            "ok",
        ),
        (
            "import os, time\nif os.fork() == 0:\n    while True:\n        print('late', flush=True); time.sleep(0.01)",
            "ok",
        ),
        (
            "import os\nfor _ in range(5):\n    if os.fork() == 0: os._exit(0)\nprint('zombies')",
            "ok",
        ),
        (
            "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        time.sleep(600)",
            "ok",
        ),
        (
            "import multiprocessing as m, time\nif __name__ == '__main__':\n    m.Process(target=time.sleep, args=(600,)).start()",
            "timeout",
        ),
    ],
    "signals": [
        ("import os\nos.kill(-1, 9)", "error"),
        ("import os\nos.killpg(0, 9)", "crashed"),
        ("import os\nos.kill(os.getpid(), 9)", "crashed"),
        ("import os\nos.kill(os.getpid(), 15)", "crashed"),
        ("import os\nos.abort()", "crashed"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSYS)", "crashed"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGXCPU)", "crashed"),
        ("import signal\nsignal.raise_signal(signal.SIGINT)", "error"),
        ("import faulthandler\nfaulthandler._sigsegv()", "crashed"),
        ("import ctypes\nctypes.string_at(0)", "crashed"),
        ("import ctypes\nctypes.memset(id(None), 0xff, 64)", "crashed"),
        (
            "import mmap, os\nf = open('f', 'w+b'); f.truncate(4096)\nm = mmap.mmap(f.fileno(), 4096); f.truncate(0)\nm[0]",
            "crashed",
        ),
        *fails("os.kill(1, 9); os.kill(1, 15); raise OSError", head="import os\n"),
    ],
    "memory": [
        ("x = []\nwhile True: x.append(bytearray(2**20))", "memory"),
        ("x = b'x' * 2**33", "memory"),
        ("x = 'x' * 2**33", "memory"),
        ("x = [0] * 2**32", "memory"),
        ("import numpy as np\nx = np.ones(2**30)", "memory"),
        ("x = 1 << 2**34", "memory"),
        ("d = {}\nfor i in iter(int, 1): d[object()] = bytes(4096)", "memory"),
        (
            "import mmap\nkept = []\nwhile True:\n    m = mmap.mmap(-1, 2**24); m.write(bytes(2**24)); kept.append(m)",
            "memory",
        ),
        (
            "import os, time\nfor _ in range(5):\n    if os.fork() == 0:\n        x = bytearray(b'x') * (60 * 2**20); time.sleep(60)\ntime.sleep(60)",
            "memory",
        ),
        ("try:\n    x = bytearray(2**33)\nexcept MemoryError:\n    print('caught')", "ok"),
        (
            "import os\nr = []\nwhile True:\n    a, b = os.pipe(); os.set_blocking(b, False); r += [a, b]\n    try:\n        while True: os.write(b, bytes(65536))\n    except BlockingIOError: pass",
            "error",
        ),
        ("import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()", "memory"),
        ("def f(): f()\nf()", "error"),
        ("x = []\nfor _ in range(10**6): x = [x]\nprint(repr(x))", "error"),
        ("eval('(' * 10**5 + ')' * 10**5)", "error"),
        ("x = ()\nfor _ in range(3 * 10**5): x = (x,)\ndel x\nprint('gone')", "ok"),
    ],
    "disk": [
        ("open('f', 'wb').write(bytes(2**26))", "error"),
        ("f = open('f', 'wb')\nwhile True: f.write(bytes(2**16))", "error"),
        ("for i in range(10**6): open(f'f{i}', 'w').close()", "error"),
        ("import os\nfor i in range(10**5): os.mkdir('d'); os.chdir('d')", "error"),
        ("open('f', 'wb').truncate(2**40)", "error"),
        ("open('/dev/shm/f', 'wb').write(bytes(2**26))", "error"),
        ("import os\nos.symlink('f', 'f')\nopen('f')", "error"),
        ("import os\nfor n in os.listdir('.'): os.remove(n)\nprint(os.listdir('.'))", "ok"),
        ("import os\nos.rmdir('/box')", "error"),
    ],
    "output": [
        ("while True: print('x' * 1000)", "output"),
        ("import sys\nwhile True: sys.stderr.write('x' * 1000)", "output"),
        ("import os\nwhile True: os.write(1, b'x' * 65536)", "output"),
        ("print('x' * (8 * 2**20))", "output"),
        ("print('x' * 2**20)", "ok"),
        ("import os\nos.write(1, bytes(range(256)) * 8)", "ok"),
        ("print('\\x1b]0;title\\x07\\x1b[2J\\0')", "ok"),
        ("print('\\ud800')", "ok"),
        ("import sys\nsys.stdout.close()\nprint('lost')", "error"),
        ("import os\nos.close(1); os.close(2)", "ok"),
        ("import sys\nsys.stdout = None\nprint('lost')", "ok"),
        (
            "import os\nfor fd in range(3, 256):\n    try: os.write(fd, b'status ok 0 0')\n    except OSError: pass\nprint('done')",
            "ok",
        ),
        ("import os\nos.dup2(2, 1)\nprint('to the other')", "ok"),
    ],
    "forgery": [
        ("import sys\nsys.exit(137)", "error"),
        ("import os\nos._exit(137)", "error"),
        ("import os\nos._exit(124)", "error"),
        ("import sys\nsys.exit('timeout')", "error"),
        ("raise SystemExit(-9)", "error"),
        ("raise KeyboardInterrupt", "error"),
        ("class E(BaseException): pass\nraise E", "error"),
        ("import builtins\nbuiltins.__dict__.clear()", "ok"),
        ("import builtins\nbuiltins.__dict__.clear()\nx", "error"),
        ("import os\nos._exit = lambda code: None\nraise SystemExit(5)", "error"),
        ("import os, sys\nos._exit = sys.exit = exit = None\n1 / 0", "error"),
        ("import sys\nsys.modules.clear()\nprint('cleared')", "ok"),
        ("import sys\nsys.modules['__main__'] = None", "ok"),
        (
            "import gc\nfor o in gc.get_objects():\n    if isinstance(o, dict):\n        try: o.clear()\n        except Exception: pass",
            "ok",
        ),
        (
            "import sys\nframe = sys._getframe()\nwhile frame:\n    frame.f_globals.update({k: None for k in [*frame.f_globals] if k[0] != '_'})\n    frame = frame.f_back\nprint('end')",
            "error",
        ),
        ("class M(MemoryError): pass\nraise M('forged')", "memory"),
        ("raise BlockingIOError(11, 'forged')", "error"),
        ("print('Traceback (most recent call last):\\nMemoryError')", "ok"),
        ("import sys\nsys.excepthook = lambda *a: 1 / 0\n1 / 0", "error"),
        ("import threading\nthreading.Thread(target=lambda: 1 / 0).start()", "ok"),
        ("import atexit\natexit.register(lambda: 1 / 0)", "ok"),
        ("def f(): yield\nraise StopIteration", "error"),
    ],
    "source": [
        ("", "ok"),
        ("# nothing", "ok"),
        ("\ufeffprint('bom')", "ok"),
        ("print(1)\r\nprint(2)\r\n", "ok"),
        ("if True:\n\tprint(1)\n        print(2)", "error"),
        ("# -*- coding: latin-1 -*-\nprint(1)", "ok"),
        ("# -*- coding: nonsense -*-\nprint(1)", "error"),
        ("print(1)\0", "error"),
        ("(", "error"),
        ("x = '" + "y" * 10**6 + "'\nprint(len(x))", "ok"),
        ("x = 1\n" * 10**4, "ok"),
        ("x = " + "-" * 10**5 + "1", "error"),
        ("x = " + "[" * 300 + "]" * 300, "error"),
        ("print('\ud800')", "rejected"),
        ("x" * (5 * 2**20), "rejected"),
        ("from __future__ import braces", "error"),
    ],
    "host": [
        *fails(
            "open('/etc/passwd').read()",
            "open('/proc/1/environ').read()",
            "open('/proc/self/status').read()",
            "os.listdir('/boot')",
            "os.listdir('/home')",
            "os.listdir('/sys')",
            "open('/usr/lib/x', 'w')",
            "open('/x', 'w')",
            "open('/site-packages/x.py', 'w')",
            "os.remove('/etc/ld.so.cache')",
            "os.rename('/usr', '/usr2')",
            "os.chmod('/usr', 0o777)",
            "os.link('/etc/ld.so.cache', 'l')",
            "os.mkfifo('p')",
            "os.mknod('d', 0o20600, os.makedev(1, 1))",
            "os.chroot('/')",
            "os.setuid(0)",
            "os.setgid(0)",
            "os.setgroups([0])",
            "os.chown('main.py', 0, 0)",
            "open('/dev/mem', 'rb')",
            "open('/dev/kmsg', 'rb')",
            "open('/dev/tty')",
            "open('/dev/fuse')",
            "ctypes.CDLL('/box/../box/none.so')",
            head="import os, ctypes\n",
        ),
        (
            "import os\nassert set(os.environ) <= {'HOME', 'TMPDIR', 'LANG', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'MALLOC_ARENA_MAX', 'PYTHONDONTWRITEBYTECODE', 'PYTHONNOUSERSITE', 'PYTHONHASHSEED', 'PYTHONPATH', 'LC_CTYPE'}, os.environ",
            "ok",
        ),
        ("import os\nassert os.getuid() == os.geteuid() == 65534", "ok"),
    ],
    "network": fails(
        "socket.socket()",
        "socket.socket(socket.AF_INET6)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "socket.socket(socket.AF_VSOCK)",
        "socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)",
        "socket.create_connection(('127.0.0.1', 8000), 1)",
        "socket.create_connection(('169.254.169.254', 80), 1)",
        "socket.getaddrinfo('example.org', 80)",
        "socket.socketpair(socket.AF_INET)",
        head="import socket\n",
    ),
    "kernel": [
        *fails(
            "call(101, 0, 0, 0, 0)",  # ptrace
            "call(101, 16, 1, 0, 0)",
            "call(165, b'none', b'/box', b'tmpfs', 0, 0)",  # mount
            "call(166, b'/box', 2)",  # umount2
            "call(272, 0x10000000)",  # unshare
            "call(308, 3, 0)",  # setns
            "call(56, 0x10000011, 0, 0, 0, 0)",  # clone
            "call(435, 0, 0)",  # clone3
            "call(161, b'/')",  # chroot
            "call(155, b'/', b'/')",  # pivot_root
            "call(250, 0, 0)",  # keyctl
            "call(248, b'user', b'x', b'y', 1, -3)",  # add_key
            "call(425, 8, 0)",  # io_uring_setup
            "call(321, 0, 0, 0)",  # bpf
            "call(298, 0, 0, 0, 0, 0)",  # perf_event_open
            "call(323, 0)",  # userfaultfd
            "call(175, 0, 0, 0)",  # init_module
            "call(246, 0, 0, 0, 0)",  # kexec_load
            "call(169, 0xfee1dead, 672274793, 0x1234567)",  # reboot
            "call(310, 1, 0, 0, 0, 0, 0)",  # process_vm_readv
            "call(135, 0x0040000)",  # personality
            "call(170, b'x', 1)",  # sethostname
            "call(227, 0, b'\\0' * 16)",  # clock_settime
            "call(153)",  # vhangup
            "call(173, 1)",  # ioperm
            "call(172, 3)",  # iopl
            "call(319, b'x', 0)",  # memfd_create
            "call(304, 3, b'', 0)",  # open_by_handle_at
            "call(440, 3, 0, 0, 0)",  # process_madvise
            "call(302, 1, 0, 0, 0)",  # prlimit64 of another
            "call(29, 0, 4096, 0o1600)",  # shmget
            "call(68, 0, 0o1600)",  # msgget
            "call(64, 0, 1, 0o1600)",  # semget
            "call(317, 1, 0, 0)",  # seccomp
            "call(157, 22, 1, 0, 0, 0)",  # prctl SECCOMP_MODE_STRICT
            "call(157, 24, 0, 0, 0, 0)",  # prctl CAPBSET_DROP
            "call(16, 0, 0x5412, b'x')",  # TIOCSTI
            head=CALL,
        ),
        *fails(
            "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))",
            "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
            "resource.setrlimit(resource.RLIMIT_NPROC, (99, 99))",
            head="import resource\n",
        ),
        (
            "import ctypes\nctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\nimport os\nos.nice(5)\nprint('nicer')",
            "ok",
        ),
        ("import os\nfor _ in range(2000): os.open('/dev/null', os.O_RDONLY)", "error"),
    ],
}
