"""An app with solves that can be listed and cancelled, as the native API tells them."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fake_app import Answer
from recorded import NASTY


def solve_object(solve_id: str, status: str, **changes: Any) -> dict[str, Any]:
    """Return a solve object without verdict; `tokens` and such go to its progress."""
    progress = {
        "planned": 16,
        "started": 12,
        "finished": 5,
        "tokens": 4_321,
        "programs": 3,
        "need": 2,
        "votes": [["6576", 4.0], ["12", 1.0]],
    }
    progress |= {name: changes.pop(name) for name in [*changes] if name in progress}
    now = time.time()
    return {
        "id": solve_id,
        "object": "solve",
        "status": status,
        "created": now - 65,
        "started": None if status == "queued" else now - 60,
        "ended": None if status in ("running", "queued") else now - 10,
        "question": "What is the product of 137 and 48?",
        "recipe": "vote",
        "model": None,
        "progress": progress,
        "key": "alice",
        "request_id": f"req-{solve_id}",
        "background": False,
        "error": None,
        "verdict": None,
        **changes,
    }


def some() -> list[dict[str, Any]]:
    """Return five solves, one of which a hostile client asked."""
    nasty = {
        "question": NASTY + "\nsecond line",
        "recipe": NASTY,
        "key": NASTY,
        "request_id": NASTY,
    }
    return [
        solve_object("solve-1", "running"),
        solve_object("solve-2", "running", votes=[[NASTY, 1.0]], **nasty),
        solve_object("solve-3", "queued", votes=[], tokens=0, finished=0, started=0),
        solve_object("solve-4", "completed"),
        solve_object("solve-5", "failed", error={"message": f"the engine died {NASTY}"}),
    ]


@dataclass
class FakeSolves:
    """Answer as an app with `solves`; remember what was asked. `grows` tokens per look."""

    solves: list[dict[str, Any]] = field(default_factory=some)
    grows: int = 0
    most: int = 100
    asked: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def status(self, solve_id: str) -> str:
        return next(s["status"] for s in self.solves if s["id"] == solve_id)

    def __call__(self, what: str, body: Mapping[str, Any]) -> Answer:
        with self._lock:
            self.asked.append(what)
            method, _, target = what.partition(" ")
            parts = urlsplit(target)
            if parts.path == "/ready":
                return 200, {
                    "status": "ready",
                    **{s: self._count(s) for s in ("running", "queued")},
                }
            if parts.path == "/v1/solves":
                return 200, self._list({k: v[0] for k, v in parse_qs(parts.query).items()})
            return self._one(method, parts.path.removeprefix("/v1/solves/"))

    def _count(self, status: str) -> int:
        return sum(s["status"] == status for s in self.solves)

    def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        for solve in self.solves:
            if solve["status"] == "running":
                solve["progress"]["tokens"] += self.grows
        found = [s for s in self.solves if query.get("status") in (None, s["status"])]
        ids = [s["id"] for s in found]
        begin = ids.index(query["after"]) + 1 if query.get("after") in ids else 0
        end = begin + min(self.most, int(query.get("limit", 20)))
        return {"object": "list", "data": found[begin:end], "has_more": end < len(found)}

    def _one(self, method: str, solve_id: str) -> Answer:
        found = next((s for s in self.solves if s["id"] == solve_id), None)
        if found is None:
            message = f"there is no solve {solve_id!r}"
            return 404, {"error": {"message": message, "type": "invalid_request_error"}}
        if method == "DELETE":
            if found["status"] not in ("running", "queued"):
                self.solves.remove(found)
                return 200, {"id": solve_id, "object": "solve", "deleted": True}
            found |= {"status": "cancelled", "ended": time.time()}
        return 200, json.loads(json.dumps(found))
