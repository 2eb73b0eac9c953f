"""docs/api.md against the OpenAPI document: commands, replies and the names in them."""

import json
import re
import shlex
from pathlib import Path

import pytest

from votebox.deployments.openapi import document

TEXT = (Path(__file__).parents[2] / "docs/api.md").read_text()
DOCUMENT = document()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, re.DOTALL)
CURLS = [
    line
    for kind, block in BLOCKS
    if kind == "sh"
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("curl")
]
REPLIES = [json.loads(block) for kind, block in BLOCKS if kind == "json"]
NAMED = {"chat.completion": "ChatCompletion", "response": "ResponseObject"}


def schema(name):
    return DOCUMENT["components"]["schemas"][name]


def operation(url, method):
    path = url.partition(":8000")[2].partition("?")[0]
    for told, methods in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", told), path) and method in methods:
            return methods[method]
    raise AssertionError(f"{method} {path} is not in the document")


@pytest.mark.parametrize("line", CURLS)
def test_each_command_asks_what_there_is(line):
    words = shlex.split(line)
    sent = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    method = words[words.index("-X") + 1].lower() if "-X" in words else "post" if sent else "get"
    told = operation(next(word for word in words if word.startswith("http")), method)
    if sent is not None:
        body = told["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert sent.keys() <= schema(body.rpartition("/")[2])["properties"].keys()


@pytest.mark.parametrize("reply", REPLIES)
def test_each_reply_names_fields_there_are(reply):
    default = "ErrorReply" if "error" in reply else "Verdict"
    name = NAMED.get(reply.get("object"), default)
    assert reply.keys() <= schema(name)["properties"].keys()
    assert reply.get("votebox", {}).keys() <= schema("VoteboxReply")["properties"].keys()


def test_every_path_is_named():
    missing = [path for path in DOCUMENT["paths"] if path.rpartition("/")[2] not in TEXT]
    assert missing == []
    assert len(CURLS) > 6
    assert len(REPLIES) > 3


def test_every_status_and_stop_reason_is_explained():
    statuses = {s for m in DOCUMENT["paths"].values() for o in m.values() for s in o["responses"]}
    for status in statuses - {"200", "202"}:
        assert re.search(rf"^\| (\d+, )*{status}\b", TEXT, re.MULTILINE), status
    for reason in schema("Verdict")["properties"]["stop_reason"]["enum"]:
        assert f"`{reason}`" in TEXT
