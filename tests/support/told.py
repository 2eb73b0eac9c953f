"""Tell real solves in wire form, and play what a server would send to the openai client."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import openai
from contract import FakeBox
from solved import QUESTION, engine, forty, known, ran

from votebox.plugins import Problem, SolveOptions, Solver, to_wire


def events(**options: Any) -> list[dict[str, Any]]:
    """Solve the question of forty chains; return every event in wire form."""

    async def run() -> list[dict[str, Any]]:
        registry = known()
        solver = Solver(engine(pause_s=0), FakeBox(ran, pause_s=0), registry)
        asked = SolveOptions(**{"seed": 7, "chains": 12, **options})
        stream = solver.events(Problem(QUESTION, "aime-1"), forty(registry), asked)
        return [to_wire(event) async for event in stream]

    return asyncio.run(run())


def chunks(stream: str) -> list[dict[str, Any]]:
    """Return the JSON of each event of a stream, [DONE] left out."""
    blocks = [block for block in stream.split("\n\n") if block]
    data = [line[6:] for block in blocks for line in block.split("\n") if line[:6] == "data: "]
    return [json.loads(text) for text in data if text != "[DONE]"]


def client(answer: Callable[[httpx.Request], str], **options: Any) -> openai.OpenAI:
    """Return an openai client whose server sends what `answer` returns."""

    def handle(request: httpx.Request) -> httpx.Response:
        text = answer(request)
        kind = "application/json" if text.startswith("{") else "text/event-stream"
        return httpx.Response(200, content=text, headers={"content-type": kind})

    transport = httpx.Client(transport=httpx.MockTransport(handle))
    return openai.OpenAI(
        base_url="http://test/v1", api_key="none", http_client=transport, max_retries=0, **options
    )
