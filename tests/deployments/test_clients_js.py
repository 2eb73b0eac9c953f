"""The Vercel AI SDK, unmodified, on Node against the real server."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from serving import KEY, open_door

HERE = Path(__file__).parent / "js"


def run(*command, folder, **environment):
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Return what the client saw of a server, and what that server held afterwards."""
    for tool in ("node", "npm"):
        assert shutil.which(tool), f"{tool} is missing: .ci/run installs nodejs and npm"
    folder = tmp_path_factory.mktemp("js")
    for file in ("package.json", "client.mjs"):
        shutil.copy(HERE / file, folder)
    run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", folder=folder)
    with open_door() as door:
        told = json.loads(
            run("node", "client.mjs", folder=folder, VOTEBOX_URL=door.url, VOTEBOX_API_KEY=KEY)
        )
        ready = httpx.get(f"{door.url}/ready").json()
        return told | {"after": (ready["running"], ready["queued"], door.counted.streams)}


def test_generated_text_is_the_answer_with_reasoning_apart(seen):
    told = seen["generated"]
    assert (told["text"], told["finishReason"]) == ("42", "stop")
    assert "program" in told["reasoning"]
    assert told["tokens"] > 0


def test_a_stream_gives_reasoning_first_and_the_answer_once(seen):
    told = seen["streamed"]
    assert told["text"] == "42"
    assert "program" in told["reasoning"]
    assert told["tokens"] > 0
    assert {"reasoning-start", "reasoning-end", "text-start", "text-end", "finish"} <= set(
        told["kinds"]
    )


def test_an_unknown_model_is_an_api_error_with_our_message(seen):
    assert seen["refused"]["name"] == "AI_APICallError"
    assert seen["refused"]["status"] == 404
    assert "there is no model 'votebox/nothing'" in seen["refused"]["message"]


def test_an_aborted_stream_leaves_nothing_running(seen):
    assert seen["aborted"] == "abort"
    assert seen["after"] == (0, 0, 0)


def test_the_sdk_has_nothing_to_warn_of(seen):
    assert seen["warnings"] == []
