"""The OpenAPI document against the app: its routes, and what they really reply."""

import json
import re

import httpx
import pytest
from front import backend, front_door
from jsonschema import Draft202012Validator

from votebox.deployments.front import build_front
from votebox.deployments.front_args import FrontArgs
from votebox.deployments.openapi import document

DOCUMENT = document()
SCHEMAS = DOCUMENT["components"]["schemas"]
HIDDEN = {"/", "/page/{name}", "/favicon.ico"}  # the page and its files are no API
ASK = {"question": "How many?", "chains": 3, "seed": 1}
CHAT = {"model": "votebox/vote", "messages": [{"role": "user", "content": "How many?"}]}


@pytest.fixture(scope="module")
def url():
    with front_door(max_queued=0, max_running=1) as url:
        yield url


def resolved(schema):
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    return schema


def wrong(value, schema):
    """Return what a value breaks of a schema, by path."""
    whole = {**schema, "components": DOCUMENT["components"]}
    return [
        f"{e.json_path}: {e.message[:200]}" for e in Draft202012Validator(whole).iter_errors(value)
    ]


def undocumented(value, schema, path="$"):
    """Return the keys of a value that its schema does not name."""
    schema = resolved(schema)
    for branch in schema.get("anyOf", []) + schema.get("oneOf", []):
        if not wrong(value, branch):
            return undocumented(value, branch, path)
    if isinstance(value, list) and "items" in schema:
        return [
            u for n, v in enumerate(value) for u in undocumented(v, schema["items"], f"{path}[{n}]")
        ]
    parts = [resolved(part) for part in schema.get("allOf", [schema])]
    named = {name: told for part in parts for name, told in part.get("properties", {}).items()}
    if not isinstance(value, dict) or not named:
        return []
    found = [f"{path}.{key}" for key in value.keys() - named.keys()]
    for key in value.keys() & named.keys():
        found += undocumented(value[key], named[key], f"{path}.{key}")
    return found


def check(reply, method, path):
    """Hold a reply to what the document says of its route and status."""
    told = DOCUMENT["paths"][path][method]["responses"][str(reply.status_code)]
    for name, header in told["headers"].items():
        assert name in reply.headers or not header.get("required"), name
    if reply.headers["content-type"].startswith("text/event-stream"):
        assert "text/event-stream" in told["content"]
        return reply
    schema = told["content"]["application/json"]["schema"]
    assert wrong(reply.json(), schema) == []
    assert undocumented(reply.json(), schema) == []
    return reply


def streamed(text):
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


def test_every_route_is_in_the_document_and_nothing_else():
    app = build_front(backend(), FrontArgs())._app
    served = {
        (method.lower(), re.sub(r":\w+}", "}", route.path))
        for route in app.routes
        for method in route.methods
        if route.path not in HIDDEN and method != "HEAD"  # as GET, without its body
    }
    told = {(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert told == served


def test_every_schema_is_valid_and_every_reference_leads_somewhere():
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert SCHEMAS.keys() == named


def test_operations_have_names_of_their_own_and_examples_that_fit():
    told = [one for methods in DOCUMENT["paths"].values() for one in methods.values()]
    names = [one["operationId"] for one in told]
    assert len(names) == len(set(names))
    for one in told:
        if "requestBody" in one:
            content = one["requestBody"]["content"]["application/json"]
            assert content["example"]
            assert wrong(content["example"], content["schema"]) == []


def test_it_is_served_as_it_is_made(url):
    reply = check(httpx.get(f"{url}/openapi.json"), "get", "/openapi.json")
    assert reply.json() == json.loads(json.dumps(DOCUMENT))


@pytest.mark.parametrize("path", ["/v1/models", "/v1/recipes", "/health", "/ready", "/version"])
def test_plain_replies_are_as_described(url, path):
    check(httpx.get(url + path), "get", path)


def test_models_are_as_described(url):
    one = "/v1/models/{model}"
    assert check(httpx.get(f"{url}/v1/models/votebox/vote"), "get", one).status_code == 200
    assert check(httpx.get(f"{url}/v1/models/a/b"), "get", one).status_code == 404


def test_a_chat_completion_is_as_described(url):
    path = "/v1/chat/completions"
    check(httpx.post(url + path, json=CHAT, timeout=60), "post", path)
    check(httpx.post(url + path, json={**CHAT, "n": 2}), "post", path)
    stream = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    chunks = streamed(check(httpx.post(url + path, json=stream, timeout=60), "post", path).text)
    assert len(chunks) > 5
    for chunk in chunks:
        assert wrong(chunk, SCHEMAS["ChatCompletionChunk"]) == []
        assert undocumented(chunk, SCHEMAS["ChatCompletionChunk"]) == []


def test_a_response_is_as_described_from_its_order_to_its_end(url):
    path, one = "/v1/responses", "/v1/responses/{response_id}"
    asked = {"model": "votebox/vote", "input": "How many?"}
    told = check(httpx.post(url + path, json=asked, timeout=60), "post", path).json()
    stream = check(httpx.post(url + path, json={**asked, "stream": True}), "post", path)
    for event in streamed(stream.text):
        assert wrong(event, SCHEMAS["ResponseEvent"]) == []
    mine = f"{url}{path}/{told['id']}"
    check(httpx.get(mine), "get", one)
    check(httpx.get(f"{mine}?stream=true"), "get", one)
    for query, param in (("stream=x", "stream"), ("starting_after=null", "starting_after")):
        reply = check(httpx.get(f"{mine}?{query}"), "get", one)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    check(httpx.get(f"{mine}/input_items"), "get", f"{one}/input_items")
    check(httpx.post(f"{mine}/cancel"), "post", f"{one}/cancel")
    assert check(httpx.delete(mine), "delete", one).json()["deleted"] is True
    assert check(httpx.get(mine), "get", one).status_code == 404
    check(httpx.post(url + path, json={**asked, "input": []}), "post", path)


def test_a_solve_is_as_described_from_its_order_to_its_end(url):
    check(httpx.post(f"{url}/v1/solves", json=ASK, timeout=60), "post", "/v1/solves")
    reply = check(
        httpx.post(f"{url}/v1/solves", json={**ASK, "background": True}), "post", "/v1/solves"
    )
    assert reply.status_code == 202
    told, one = url + reply.headers["location"], "/v1/solves/{solve_id}"
    assert told.endswith(reply.json()["id"])
    check(httpx.get(told), "get", one)
    events = streamed(check(httpx.get(f"{told}/events", timeout=60), "get", f"{one}/events").text)
    for event in events:
        assert wrong(event, SCHEMAS["SolveEvent"]) == []
        assert undocumented(event, SCHEMAS["SolveEvent"]) == []
    kinds = {
        schema["properties"]["type"]["const"]
        for schema in map(resolved, SCHEMAS["SolveEvent"]["oneOf"])
    }
    kinds -= {"provider_failed", "chain_restarted"}  # of an endpoint, and of an engine that died
    assert {event["type"] for event in events} == kinds
    assert check(httpx.get(told), "get", one).json()["verdict"]
    check(httpx.get(f"{url}/v1/solves"), "get", "/v1/solves")
    check(httpx.get(f"{url}/v1/solves?limit=x"), "get", "/v1/solves")
    assert check(httpx.delete(told), "delete", one).json()["deleted"] is True
    assert check(httpx.get(told), "get", one).status_code == 404
    assert check(httpx.delete(told), "delete", one).status_code == 404


def test_a_cancelled_solve_and_a_refused_one_are_as_described():
    with front_door(backend(pause_s=5.0), max_running=1, max_queued=0) as url:
        order = httpx.post(f"{url}/v1/solves", json={**ASK, "background": True})
        told = url + order.headers["location"]
        full = check(httpx.post(f"{url}/v1/solves", json=ASK), "post", "/v1/solves")
        assert full.status_code == 429
        reply = check(httpx.delete(told), "delete", "/v1/solves/{solve_id}")
    assert (reply.json()["status"], reply.json()["error"]["code"]) == ("cancelled", "cancelled")
