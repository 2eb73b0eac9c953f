"""Responses over real HTTP: stored, followed, continued, cancelled, forgotten."""

import json

import httpx
import pytest
from front import backend, front_door

ASK = {"model": "votebox/vote", "input": "How many?", "votebox": {"chains": 4}}
LONG = {**ASK, "votebox": {"chains": 40}, "background": True}


@pytest.fixture(scope="module")
def door():
    with front_door() as url:
        yield url


@pytest.fixture(scope="module")
def slow():
    with front_door(backend(pause_s=5.0)) as url:
        yield url


def made(url, **more):
    reply = httpx.post(f"{url}/v1/responses", json={**ASK, **more}, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()


def streamed(url, method, path, **more):
    with httpx.stream(method, url + path, timeout=60, **more) as reply:
        assert reply.status_code == 200
        data = [line[6:] for line in reply.iter_lines() if line.startswith("data: ")]
    return [json.loads(line) for line in data if line != "[DONE]"]


def test_a_response_can_be_read_again_and_told_again(door):
    response = made(door)
    path = f"/v1/responses/{response['id']}"
    assert response["status"] == "completed"
    assert httpx.get(door + path).json() == response
    events = streamed(door, "GET", f"{path}?stream=true")
    assert events[-1]["response"] == response
    numbers = [event["sequence_number"] for event in events]
    assert numbers == list(range(len(events)))
    rest = streamed(door, "GET", f"{path}?stream=true&starting_after=3")
    assert rest == events[4:]


def test_the_stream_of_a_new_response_is_the_one_told_later(door):
    events = streamed(door, "POST", "/v1/responses", json={**ASK, "stream": True})
    response = events[-1]["response"]
    again = streamed(door, "GET", f"/v1/responses/{response['id']}?stream=true")
    assert [event["type"] for event in again] == [event["type"] for event in events]
    assert again[-1] == events[-1]


def test_a_background_response_goes_from_queued_to_completed(door):
    response = made(door, background=True)
    assert response["status"] in ("queued", "in_progress")
    events = streamed(door, "GET", f"/v1/responses/{response['id']}?stream=true")
    assert [event["type"] for event in events[:2]] == ["response.created", "response.queued"]
    assert events[-1]["type"] == "response.completed"
    done = httpx.get(f"{door}/v1/responses/{response['id']}").json()
    assert done["status"] == "completed"
    assert done["votebox"]["answer"] == "400"


def test_a_response_goes_on_from_another_with_its_turns_and_answer(door):
    first = made(door, instructions="Be brief.")
    second = made(door, input="And now?", previous_response_id=first["id"])
    items = httpx.get(f"{door}/v1/responses/{second['id']}/input_items").json()
    told = [(item["role"], item["content"][0]["text"]) for item in items["data"]]
    assert told == [("user", "How many?"), ("assistant", "400"), ("user", "And now?")]
    assert items["first_id"] == items["data"][0]["id"]
    solve = second["id"].removeprefix("resp_")
    kept = httpx.get(f"{door}/v1/solves/{solve}").json()
    assert kept["question"] == "And now?"


def test_cancelling_ends_it_and_it_stays_readable_as_cancelled(slow):
    response = httpx.post(f"{slow}/v1/responses", json=LONG).json()
    path = f"{slow}/v1/responses/{response['id']}"
    for _ in range(2):  # a second time changes nothing
        assert httpx.post(f"{path}/cancel", timeout=60).json()["status"] == "cancelled"
    assert httpx.get(path).json()["status"] == "cancelled"
    assert httpx.get(f"{slow}/ready").json()["running"] == 0


def test_deleting_one_that_runs_ends_it(slow):
    response = httpx.post(f"{slow}/v1/responses", json=LONG).json()
    path = f"{slow}/v1/responses/{response['id']}"
    gone = httpx.delete(path, timeout=60).json()
    assert gone == {"id": response["id"], "object": "response", "deleted": True}
    assert httpx.get(path).status_code == 404
    assert httpx.get(f"{slow}/ready").json()["running"] == 0


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_not_to_be_stored_is_forgotten_at_once(door, stream):
    body = {**ASK, "store": False, "stream": stream}
    if stream:
        response = streamed(door, "POST", "/v1/responses", json=body)[-1]["response"]
    else:
        response = made(door, store=False)
    assert response["status"] == "completed"
    assert httpx.get(f"{door}/v1/responses/{response['id']}").status_code == 404


def test_solves_made_elsewhere_are_no_responses(door):
    solve = httpx.post(f"{door}/v1/solves", json={"question": "q", "chains": 1}, timeout=60).json()
    for made_up in (f"resp_{solve['id']}", solve["id"], "resp_", "resp_../x", "x" * 300):
        for method, end in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel")):
            reply = httpx.request(method, f"{door}/v1/responses/{made_up}{end}")
            assert reply.status_code == 404


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"previous_response_id": "resp_nobody"}, "previous_response_id"),
        ({"model": "QwQ-32B"}, "model"),
        ({"input": []}, "input"),
        ({"input": "  "}, None),
        ({"background": True, "store": False}, "store"),
        ({"votebox": {"stop": "nothing"}}, None),
    ],
)
def test_wrong_requests_name_the_field(door, change, param):
    reply = httpx.post(f"{door}/v1/responses", json={**ASK, **change})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param


def test_wrong_numbers_of_an_event_are_refused(door):
    path = f"{door}/v1/responses/{made(door)['id']}?stream=true&starting_after="
    for wrong in ("-1", "x", "1e3"):
        assert httpx.get(path + wrong).json()["error"]["param"] == "starting_after"


def test_nothing_follows_a_response_without_an_answer(slow):
    response = httpx.post(f"{slow}/v1/responses", json=LONG).json()
    body = {**ASK, "previous_response_id": response["id"]}
    reply = httpx.post(f"{slow}/v1/responses", json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "previous_response_id"
    httpx.delete(f"{slow}/v1/responses/{response['id']}", timeout=60)
