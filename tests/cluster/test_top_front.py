"""`votebox top` and `votebox cancel` against the real front door, with keys."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from commands import environment, votebox
from front import backend, front_door

from votebox.deployments.keys import ENVIRONMENT, digest

KEYS = {"alice": "vb-alice-key", "bob": "vb-bob-key"}


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    held = ",".join(f"{name}={digest(key)}" for name, key in KEYS.items())
    monkeypatch.setenv(ENVIRONMENT, held)
    with front_door(backend(pause_s=5.0), max_running=1) as url:
        yield url


def submit(url: str, name: str, question: str) -> str:
    body = {"question": question, "chains": 40, "seed": 1, "background": True}
    headers = {"authorization": f"Bearer {KEYS[name]}"}
    reply = httpx.post(f"{url}/v1/solves", json=body, headers=headers, timeout=30)
    assert reply.status_code == 202
    return str(reply.json()["id"])


def test_a_key_sees_and_cancels_its_own_solves(door: str, tmp_path: Path) -> None:
    first, second = submit(door, "alice", "How many?"), submit(door, "alice", "And then?")
    other = submit(door, "bob", "What of Bob?")
    alice = environment(tmp_path, VOTEBOX_API_KEY=KEYS["alice"])
    bob = environment(tmp_path, VOTEBOX_API_KEY=KEYS["bob"])

    told = json.loads(votebox("top", "--json", "--url", door, env=alice).stdout)
    assert (told["status"], told["running"], told["queued"]) == ("ready", 1, 2)
    found = {solve["id"]: solve for solve in told["solves"]}
    assert {id_: solve["status"] for id_, solve in found.items()} == {
        first: "running",
        second: "queued",
    }
    assert found[first]["key"] == "alice"
    assert found[first]["question"] == "How many?"
    assert found[first]["planned"] == 40

    refused = votebox("cancel", first, "--url", door, env=bob)
    assert (refused.returncode, refused.stdout) == (2, "")
    done = votebox("cancel", "--all", "--url", door, env=alice)
    assert done.returncode == 0
    assert sorted(done.stdout.split()) == sorted([first, "cancelled", second, "cancelled"])
    again = votebox("cancel", first, "--url", door, env=alice)
    assert (again.returncode, again.stdout) == (0, f"{first} cancelled\n")
    left = json.loads(votebox("top", "--json", "--url", door, env=bob).stdout)
    assert [solve["id"] for solve in left["solves"]] == [other]


def test_without_a_key_it_says_which_variable_holds_it(door: str, tmp_path: Path) -> None:
    done = votebox("top", "--url", door, env=environment(tmp_path))
    assert done.returncode == 2
    assert "set VOTEBOX_API_KEY" in done.stderr
