"""Editing tasks over the front door: files in, the change out, and what is refused before."""

import json
from collections.abc import Iterator

import httpx
import pytest
from contract import FakeBox
from front import front_door
from jsonschema import Draft202012Validator

from votebox.deployments.backend import LocalBackend
from votebox.deployments.openapi import document
from votebox.deployments.solve_request import SolveRequest, parse_request
from votebox.plugins import Problem, ProblemError, Registry, ReplayEngine, Solver

BEFORE, AFTER = "def one():\n    return 1\n", "def one():\n    return 11\n"
REPLY = "app.py\n<<<<<<< SEARCH\n    return 1\n=======\n    return 11\n>>>>>>> REPLACE\n"
ASK = {
    "question": "one() has to give eleven",
    "recipe": "solo",
    "files": {"app.py": BEFORE, "notes.md": "1 < 2\n"},
}
CHAT = {
    "model": "votebox/solo",
    "messages": [{"role": "user", "content": "one() has to give eleven"}],
    "votebox": {"files": ASK["files"]},
}
TEST = "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_a(self):\n        pass\n"


@pytest.fixture(scope="module")
def door() -> Iterator[str]:
    engine = ReplayEngine(lambda prompt: REPLY)
    solver = Solver(engine, FakeBox(lambda code: ""), Registry.load(allowed=()))
    with front_door(LocalBackend(solver)) as url:
        yield url


def post(url: str, path: str, body: object) -> httpx.Response:
    return httpx.post(f"{url}{path}", json=body, timeout=60)


def test_a_solve_gives_the_diff_and_the_changed_files(door: str) -> None:
    verdict = post(door, "/v1/solves", ASK).json()
    assert verdict["files"] == {"app.py": AFTER}
    assert verdict["answer"].startswith("--- a/app.py\n+++ b/app.py\n")
    kept = httpx.get(f"{door}/v1/solves/{verdict['id']}").json()
    assert kept["verdict"]["files"] == {"app.py": AFTER}


def test_events_carry_the_diff_and_end_with_the_files(door: str) -> None:
    text = post(door, "/v1/solves", {**ASK, "stream": True}).text
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    (read,) = [event for event in events if event["type"] == "candidate_read"]
    assert "+    return 11\n" in read["answer"]
    assert events[-1]["verdict"]["files"] == {"app.py": AFTER}


def test_a_chat_completion_says_the_diff_and_holds_the_files(door: str) -> None:
    reply = post(door, "/v1/chat/completions", CHAT).json()
    assert reply["choices"][0]["message"]["content"] == reply["votebox"]["answer"]
    assert reply["votebox"]["answer"].startswith("--- a/app.py\n")
    assert reply["votebox"]["files"] == {"app.py": AFTER}


def test_a_response_does_so_too(door: str) -> None:
    body = {"model": "votebox/solo", "input": "eleven", "votebox": CHAT["votebox"]}
    reply = post(door, "/v1/responses", body).json()
    assert reply["votebox"]["files"] == {"app.py": AFTER}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"files": {"../up.py": ""}}, "'../up.py': it leaves the folder"),
        ({"files": {"/etc/passwd": ""}}, "it is not relative"),
        ({"files": {"a": "", "a/b.py": ""}}, "'a/b.py': a is a file"),
        ({"files": {".git/config": ""}}, "begins with a dot"),
        ({"files": {"a.py": 5}}, "the file 'a.py' is int, no text"),
        ({"files": {f"{n}.py": "" for n in range(501)}}, "501 files, at most 500"),
        ({"files": {"a.py": "x" * (2**20 + 1)}}, "hold 1,048,577 bytes; give at most 1,048,576"),
        ({"files": {"a.py": "\ud800"}}, "'a.py' holds '\\ud800' at 0"),
        ({"readonly": ["other.py"]}, "readonly names 'other.py'"),
        ({"tests": {"../t_test.py": TEST}}, "tests names '../t_test.py'"),
        ({"tests": {"t_test.py": "x = 1\n"}}, "declares no test"),
        ({"tests": {"t_test.py": "def ("}}, "does not parse"),
        ({"tries": 0}, "greater than or equal to 1"),
        ({"files": None, "tries": 2}, "tries is of an editing task"),
        ({"recipe": "vote"}, "recipe vote edits no files"),
        ({"recipe": None}, "recipe vote edits no files"),
    ],
)
def test_what_cannot_be_edited_is_a_400_that_says_why(
    door: str, more: dict[str, object], told: str
) -> None:
    body = json.dumps(
        {**ASK, **more}
    )  # httpx does not send half a character, a hostile client does
    reply = httpx.post(f"{door}/v1/solves", content=body, timeout=60)
    assert reply.status_code == 400, reply.text
    assert told in reply.json()["error"]["message"]


def test_files_in_headers_are_refused_as_unknown(door: str) -> None:
    headers = {"x-votebox-files": "{}"}
    reply = httpx.post(f"{door}/v1/chat/completions", json=CHAT, headers=headers, timeout=60)
    assert reply.status_code == 400
    assert "unknown header 'x-votebox-files'" in reply.json()["error"]["message"]
    assert "x-votebox-tests" not in reply.json()["error"]["message"]


def test_a_request_is_the_problem_that_a_caller_in_process_would_make() -> None:
    given = {**ASK, "readonly": ["notes.md"], "tests": {"t_test.py": TEST}, "tries": 2}
    metadata = {name: given[name] for name in ("readonly", "tests", "tries")}
    expected = Problem(str(ASK["question"]), files=given["files"], metadata=metadata)
    assert parse_request(given).problem() == expected


def test_a_conversation_may_have_files() -> None:
    asked = SolveRequest(messages=CHAT["messages"], files=ASK["files"])
    assert asked.problem().files == ASK["files"]


def test_a_handle_is_refused_what_http_is() -> None:
    with pytest.raises(ProblemError, match="leaves the folder"):
        parse_request({**ASK, "files": {"a/../../b": ""}}).problem()


def test_the_document_describes_request_and_reply(door: str) -> None:
    told = document()
    schemas = told["components"]["schemas"]
    for body, name in ((ASK, "SolveBody"), (CHAT, "ChatRequest")):
        whole = {**schemas[name], "components": told["components"]}
        assert not list(Draft202012Validator(whole).iter_errors(body))
    reply = post(door, "/v1/chat/completions", CHAT).json()
    whole = {**schemas["ChatCompletion"], "components": told["components"]}
    assert not list(Draft202012Validator(whole).iter_errors(reply))
