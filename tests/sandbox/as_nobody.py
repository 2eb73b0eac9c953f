"""Run a few programs as a user who is not root, and print what became of them.

Started by test_host.py; prints one JSON object.
"""

import asyncio
import json
import os

from votebox.sandbox import Limits, Sandbox

PROGRAMS = {
    "sum": ("import sympy; print(sympy.Integer(6) * 7)", Limits()),
    "loop": ("while True: pass", Limits(wall_s=0.5)),
    "greedy": ("while True: pass", Limits(wall_s=30.0, cpu_s=1.0)),
    "hungry": ("x = bytearray(2**30)", Limits(memory_mib=128)),
    "talker": ("while True: print('x' * 1000)", Limits(output_kib=16)),
    "spy": ("import os; os.listdir('/home')", Limits()),
    "caller": ("import socket; socket.create_connection(('1.1.1.1', 80), 2)", Limits()),
}
DEAF = """
import os, signal
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.fork()
while True: pass
"""


async def main() -> None:
    seen: dict[str, object] = {"user": os.getuid()}
    async with Sandbox(workers=2) as box:
        for name, (code, limits) in PROGRAMS.items():
            execution = await box.run(code, limits)
            seen[name] = [execution.status, execution.stdout[:100]]
            seen["isolation"] = execution.isolation
        await box.run("x = 40", session="s")
        kept = await box.run("print(x + 2)", session="s")
        seen["session"] = [kept.status, kept.stdout]
        deaf = await box.run(DEAF, Limits(wall_s=60.0, cpu_s=1.0), session="s")
        seen["deaf"] = [deaf.status, deaf.wall_s < 30, deaf.session_lost]
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main())
