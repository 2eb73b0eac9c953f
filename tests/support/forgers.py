"""Solutions that are none: each tries to pass the tests of `turnstile` by a trick of its own."""

CLASS = "\nclass Turnstile:\n    def __init__(self, *a): pass\n"
ANY = "\nclass Turnstile:\n    def __init__(self, *a): pass\n    def __getattr__(self, n): return lambda *a: None\n"
# Formatted with %, for braces are what the programs are full of:
# ruff: noqa: UP031

REPORT = '{"outcome": "passed", "message": ""}'

FORGERS = {
    "leaves at import": "import os; os._exit(0)",
    "leaves politely at import": "import sys; sys.exit(0)",
    "leaves in the test": "import os\nclass Turnstile:\n    def __init__(self, fare): os._exit(0)",
    "leaves at the end": "import atexit, os; atexit.register(os._exit, 0)" + CLASS,
    "skips the test": "import unittest\nclass Turnstile:\n"
    "    def __init__(self, fare): raise unittest.SkipTest('no')",
    "prints a result": f"print('{REPORT}', flush=True)" + CLASS,
    "patches the assertions": "import unittest\n"
    "for name in dir(unittest.TestCase):\n"
    "    if name.startswith('assert') and 'Raises' not in name:\n"
    "        setattr(unittest.TestCase, name, lambda self, *a, **k: None)\n" + ANY,
    "patches the run of a test": "import unittest\n"
    "unittest.TestCase.run = lambda self, result=None: result.startTest(self)" + CLASS,
    "patches the call of a test": "import unittest\n"
    "unittest.TestCase._callTestMethod = lambda self, method: None\n"
    "unittest.TestCase._callSetUp = lambda self: None" + CLASS,
    "patches the result": "import unittest\n"
    "for name in ('addError', 'addFailure', 'addSubTest'):\n"
    "    setattr(unittest.TestResult, name, lambda self, *a: None)" + ANY,
    "patches the suite": "import unittest\n"
    "def run(self, result, debug=False):\n    result.testsRun = 1\n    return result\n"
    "unittest.TestSuite.run = run" + CLASS,
    "patches the builtins": "import builtins\nbuiltins.AssertionError = KeyError\n"
    "builtins.isinstance = lambda *a: True\nbuiltins.getattr = lambda *a: None" + CLASS,
    "patches the harness": "import sys\n"
    "frame = sys._getframe()\n"
    "while frame:\n"
    "    if 'run_test' in frame.f_globals:\n"
    "        frame.f_globals['json'].dumps = lambda *a, **k: %r\n"
    % REPORT
    + "    frame = frame.f_back"
    + CLASS,
    "makes the harness report at once": "import sys\n"
    "def report(*a):\n    import os\n    os.write(3, %r)\n    os._exit(0)\n"
    % REPORT.encode()
    + "sys.settrace(report)\nreport()",
    "writes to every descriptor": "import os\n"
    "for fd in range(64):\n"
    "    try:\n        os.write(fd, %r)\n    except OSError:\n        pass\n"
    % REPORT.encode()
    + "os._exit(0)",
    "hunts for a secret": "import gc, sys, os\n"
    "found = [o for o in gc.get_objects() if isinstance(o, dict) and 'nonce' in o]\n"
    "frame = sys._getframe()\n"
    "while frame.f_back:\n    frame = frame.f_back\n    found.append(frame.f_locals)\n"
    "for place in found:\n"
    "    for value in list(place.values()):\n"
    "        if isinstance(value, str):\n            os.write(2, value[:64].encode())\n"
    "os.write(3, %r); os._exit(0)" % REPORT.encode(),
    "equals everything": "class Same:\n"
    "    def __eq__(self, other): return True\n"
    "    def __ne__(self, other): return False\n"
    "    def __hash__(self): return 0\n"
    "    def __call__(self, *a): return self\n"
    "    def __getattr__(self, name): return self\n"
    "def Turnstile(*a): return Same()",
    "reads the expected value": "import sys\n"
    "class Turnstile:\n"
    "    def __init__(self, fare): pass\n"
    "    def __getattr__(self, name):\n"
    "        wanted = [c for c in sys._getframe(1).f_code.co_consts if isinstance(c, (str, tuple))]\n"
    "        return wanted[-1] if name == 'state' else lambda *a: wanted[-1]",
    "deletes the tests": "import sys\n"
    "import unittest\n"
    "class Gone(type(unittest.TestCase)):\n    pass\n"
    "unittest.TestCase.__init_subclass__ = classmethod(\n"
    "    lambda cls: [delattr(cls, n) for n in list(vars(cls)) if n.startswith('test')])" + CLASS,
    "kills the parent": "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
    "stops the parent": "import os, signal; os.kill(os.getppid(), signal.SIGSTOP); os._exit(0)",
    "kills everything": "import os, signal; os.kill(-1, signal.SIGKILL)",
    "forks and leaves": "import os, time\n"
    "if os.fork() == 0:\n    os.setsid(); time.sleep(0.05)\n    os.write(3, %r)\nos._exit(0)"
    % REPORT.encode(),
    "leaves word for the next test": "import os, glob\n"
    "seen = glob.glob('/box/*') + glob.glob('/dev/shm/*')\n"
    "known = os.path.exists('/box/word') or os.path.exists('/dev/shm/word')\n"
    "open('/dev/shm/word', 'w').close(); open('/box/word', 'w').close()\n"
    "os.write(3, %r if not known else b'')\nos._exit(0)" % REPORT.encode(),
    "throws a coin": "import os\n"
    "if os.urandom(1)[0] < 128:\n    os.write(3, %r)\nos._exit(0)" % REPORT.encode(),
    "floods the output": "import os\nwhile True:\n    os.write(1, b'passed ' * 9999)",
    "floods the report": "import os\nwhile True:\n    os.write(3, %r * 99)" % REPORT.encode(),
    "forks without end": "import os\nwhile True:\n    os.fork()",
    "sleeps": "import time; time.sleep(99)",
    "fills the disk": "open('/box/full', 'wb').write(bytes(2**30))",
}

SLOW = ("stops the parent", "floods the output", "floods the report", "forks without end", "sleeps")
"""Those that run into a limit."""

GUESSES = ("throws a coin", "forks and leaves")
"""Those that claim some tests at random: one in four may look passed, never all of them."""
