"""The native API over real HTTP: submit, follow, list, read, cancel, forget."""

import asyncio
import json

import httpx
import pytest
from front import backend, front_door

ASK = {"question": "How many?", "chains": 4, "seed": 1}
LONG = {"question": "How long?", "recipe": "vote", "chains": 40, "seed": 1}


@pytest.fixture(scope="module")
def door():
    with front_door() as url:
        yield url


@pytest.fixture(scope="module")
def slow():
    """Chains that take many seconds, and room for one solve at a time."""
    with front_door(backend(pause_s=5.0), max_running=1, max_queued=1) as url:
        yield url


def events_of(reply):
    """Return (id, event) of a stream, and whether it ended as it should."""
    found, number, done = [], None, False
    for line in reply.iter_lines():
        if line.startswith("id: "):
            number = int(line[4:])
        elif line == "data: [DONE]":
            done = True
        elif line.startswith("data: "):
            found.append((number, json.loads(line[6:])))
            number = None
    return found, done


def stream(url, method, path, **more):
    with httpx.stream(method, url + path, timeout=60, **more) as reply:
        assert reply.status_code == 200, reply.read()
        assert reply.headers["content-type"].startswith("text/event-stream")
        return events_of(reply)


def texts(events):
    found = {}
    for _, event in events:
        if event["type"] == "chain_text":
            reply = (event["chain"], event["node"], event["round"])
            found[reply] = found.get(reply, "")[: event["at"]] + event["text"]
    return found


def submitted(url, body):
    reply = httpx.post(f"{url}/v1/solves", json={**body, "background": True})
    assert reply.status_code == 202
    assert reply.headers["location"] == f"/v1/solves/{reply.json()['id']}"
    return reply.json()


def ended(url, solve_id):
    stream(url, "GET", f"/v1/solves/{solve_id}/events")
    return httpx.get(f"{url}/v1/solves/{solve_id}").json()


def test_waiting_gives_the_verdict_which_stays_readable_under_its_id(door):
    verdict = httpx.post(f"{door}/v1/solves", json=ASK, timeout=60).json()
    kept = httpx.get(f"{door}/v1/solves/{verdict['id']}").json()
    assert kept["verdict"] == verdict
    assert (kept["object"], kept["status"]) == ("solve", "completed")
    assert kept["progress"]["planned"] == 4
    assert kept["progress"]["votes"][0][0] == verdict["answer"] == "400"
    assert kept["created"] <= kept["started"] <= kept["ended"]


def test_a_stream_begins_with_the_id_and_ends_with_the_verdict(door):
    events, done = stream(door, "POST", "/v1/solves", json={**ASK, "stream": True})
    assert done
    assert events[0][1]["type"] == "solve_accepted"
    assert events[-1][1]["type"] == "verdict_reached"
    numbers = [number for number, _ in events[1:]]
    assert numbers == sorted(set(numbers))
    kept = httpx.get(f"{door}/v1/solves/{events[0][1]['id']}").json()
    assert kept["verdict"] == events[-1][1]["verdict"]


def test_text_of_the_stream_is_the_text_of_the_record(door):
    events, _ = stream(door, "POST", "/v1/solves", json={**ASK, "stream": True})
    told = texts(events)
    for chain in events[-1][1]["verdict"]["chains"]:
        for completion in chain["completions"]:
            key = (chain["index"], completion["node"], completion["round"])
            assert completion["text"] in told[key] or chain["ended"] == "aborted"


def test_a_background_solve_can_be_followed_from_the_start_and_resumed(door):
    solve = submitted(door, ASK)
    whole, done = stream(door, "GET", f"/v1/solves/{solve['id']}/events")
    assert done
    again, _ = stream(door, "GET", f"/v1/solves/{solve['id']}/events")
    assert texts(again) == texts(whole)
    middle = again[len(again) // 2][0]
    headers = {"last-event-id": str(middle)}
    for rest in (
        stream(door, "GET", f"/v1/solves/{solve['id']}/events?after={middle}")[0],
        stream(door, "GET", f"/v1/solves/{solve['id']}/events", headers=headers)[0],
    ):
        assert [entry for entry in again if entry[0] and entry[0] > middle] == rest[1:]


def test_cancelling_ends_a_running_and_a_waiting_solve(slow):
    running, waiting = submitted(slow, LONG), submitted(slow, LONG)
    refused = httpx.post(f"{slow}/v1/solves", json=LONG)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    ready = httpx.get(f"{slow}/ready").json()
    assert (ready["running"], ready["queued"]) == (1, 1)
    for solve in (waiting, running):
        reply = httpx.delete(f"{slow}/v1/solves/{solve['id']}", timeout=60)
        assert (reply.status_code, reply.json()["status"]) == (200, "cancelled")
        assert reply.json()["error"]["code"] == "cancelled"
    ready = httpx.get(f"{slow}/ready").json()
    assert (ready["running"], ready["queued"]) == (0, 0)


def test_who_follows_a_cancelled_solve_is_told(slow):
    solve = submitted(slow, LONG)
    with httpx.stream("GET", f"{slow}/v1/solves/{solve['id']}/events", timeout=60) as reply:
        lines = reply.iter_lines()
        next(lines)
        assert httpx.delete(f"{slow}/v1/solves/{solve['id']}", timeout=60).status_code == 200
        rest = [line for line in lines if line.startswith("data: ")]
    assert json.loads(rest[-1][6:])["error"]["code"] == "cancelled"
    assert "data: [DONE]" not in rest


@pytest.mark.parametrize("streamed", [False, True])
def test_a_client_that_goes_away_ends_its_solve(slow, streamed):
    body = {**LONG, "stream": streamed}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{slow}/v1/solves", json=body, timeout=0.5)
    for _ in range(600):
        if not httpx.get(f"{slow}/ready").json()["running"]:
            break
    newest = httpx.get(f"{slow}/v1/solves").json()["data"][0]
    assert newest["status"] == "cancelled"


def test_deleting_an_ended_solve_forgets_it(door):
    solve_id = httpx.post(f"{door}/v1/solves", json=ASK, timeout=60).json()["id"]
    reply = httpx.delete(f"{door}/v1/solves/{solve_id}").json()
    assert reply == {"id": solve_id, "object": "solve", "deleted": True}
    assert httpx.get(f"{door}/v1/solves/{solve_id}").status_code == 404


def test_lists_are_newest_first_and_paged(door):
    made = [submitted(door, ASK)["id"] for _ in range(3)]
    for solve_id in made:
        ended(door, solve_id)
    page = httpx.get(f"{door}/v1/solves?limit=2").json()
    assert [solve["id"] for solve in page["data"]] == made[:0:-1]
    assert page["has_more"] is True
    rest = httpx.get(f"{door}/v1/solves?limit=1000&after={page['data'][-1]['id']}").json()
    assert rest["data"][0]["id"] == made[0]
    assert rest["has_more"] is False
    assert httpx.get(f"{door}/v1/solves?status=running").json()["data"] == []
    assert "verdict" not in page["data"][0]


@pytest.mark.parametrize(
    ("path", "status", "param"),
    [
        ("/v1/solves?limit=0", 400, "limit"),
        ("/v1/solves?limit=x", 400, "limit"),
        ("/v1/solves?limit=1e9", 400, "limit"),
        ("/v1/solves?status=done", 400, "status"),
        ("/v1/solves?after=nobody", 404, "id"),
        ("/v1/solves/nobody", 404, "id"),
        ("/v1/solves/nobody/events", 404, "id"),
        ("/v1/solves/..%2f..%2fetc", 404, None),
    ],
)
def test_wrong_queries_name_the_field(door, path, status, param):
    reply = httpx.get(door + path)
    assert reply.status_code == status
    assert reply.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({"question": "q", "stream": 1}, "stream", "neither true nor false"),
        ({"question": "q", "background": "yes"}, "background", "neither true nor false"),
        ({"question": "q", "background": True, "stream": True}, "background", "exclude"),
        ({"question": "q", "recipe": "nope"}, "recipe", "known: "),
        ({"question": ""}, None, "empty"),
        ({"question": "q", "chains": 0}, None, "chains"),
        ({"question": "q", "chain": 1}, None, "chain"),
        ({"question": "q", "stop": "nothing:1"}, None, "nothing"),
        ({"question": "q", "vote": "nothing"}, None, "nothing"),
        ({"question": "q", "stop": "never", "stream": True, "vote": 1}, None, "vote"),
        ({"question": "x" * 100_001}, None, "100,000"),
        ({}, None, "question"),
    ],
)
def test_wrong_requests_are_refused_before_anything_runs(door, body, param, message):
    before = len(httpx.get(f"{door}/v1/solves?limit=1000").json()["data"])
    reply = httpx.post(f"{door}/v1/solves", json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param
    assert message in reply.json()["error"]["message"]
    assert len(httpx.get(f"{door}/v1/solves?limit=1000").json()["data"]) == before


def test_recipes_are_listed_with_their_drawings(door):
    listed = httpx.get(f"{door}/v1/recipes").json()["data"]
    assert [recipe["name"] for recipe in listed if recipe["default"]] == ["vote"]
    for recipe in listed:
        assert recipe["svg"].startswith("<svg")
        assert recipe["chains"] >= 1
        assert recipe["description"]


async def test_silence_is_filled_with_comments():
    with front_door(backend(pause_s=5.0), keep_alive_s=0.05) as url:
        async with (
            httpx.AsyncClient(timeout=60) as client,
            client.stream("POST", f"{url}/v1/solves", json={**LONG, "stream": True}) as r,
        ):
            async with asyncio.timeout(60):
                async for line in r.aiter_lines():
                    if line == ": keep-alive":
                        return
    raise AssertionError("no keep-alive came")
