"""Speaking to Serve's REST API: what it refuses, when it is away, and when it is no Serve."""

import json

import httpx
import pytest
from rollouts import NOTHING, running, with_args

from votebox.cluster.errors import BadUsage, Failed
from votebox.cluster.rollout import changes
from votebox.cluster.serve_rest import ServeRest


def serve(answers, asked):
    replies = iter(answers)

    def handler(request):
        asked.append((request.method, request.headers.get("authorization"), request.content))
        return next(replies)

    return httpx.MockTransport(handler)


def test_waiting_tells_each_status_once_and_ends_when_it_runs(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "t0ken")
    states = ["DEPLOYING", "DEPLOYING", "RUNNING"]
    replies = [httpx.Response(200, json=running(with_args(), s)) for s in states]
    heard, asked = [], []
    client = ServeRest("http://head:8265", serve(replies, asked))
    client.await_running("votebox", 60, heard.append, clock=lambda: 0.0, sleep=lambda s: None)
    assert heard == ["votebox: DEPLOYING"]
    assert {token for _, token, _ in asked} == {"Bearer t0ken"}


def test_a_deployment_that_fails_or_takes_too_long_says_so():
    broken = running(with_args(), "DEPLOY_FAILED")
    broken["applications"]["votebox"]["message"] = "Traceback\nplugin extra: deployed with '1.0'"
    client = ServeRest("http://head", serve([httpx.Response(200, json=broken)], []))
    with pytest.raises(Failed, match="DEPLOY_FAILED: plugin extra: deployed with"):
        client.await_running("votebox", 60, print)
    slow = running(with_args(), "DEPLOYING")
    client = ServeRest("http://head", serve([httpx.Response(200, json=slow)] * 2, []))
    times = iter([0.0, 0.0, 61.0])
    with pytest.raises(Failed, match="still DEPLOYING after 60 s; .*--wait 120"):
        client.await_running("votebox", 60, print, lambda: next(times), lambda s: None)


def test_a_dashboard_that_starts_again_is_waited_for_and_one_that_is_gone_is_not():
    def wait(replies):
        heard = []
        client = ServeRest("http://head", serve(replies, []))
        client.await_running("votebox", 60, heard.append, lambda: 0.0, lambda s: None)
        return heard

    def down(times):
        return [httpx.Response(503, text="starting") for _ in range(times)]

    up = httpx.Response(200, json=running(with_args()))
    assert wait([*down(9), up]) == ["votebox: not answering"]
    with pytest.raises(Failed, match="says 503: starting"):
        wait([*down(10), up])


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (httpx.Response(401, text="no"), "set RAY_AUTH_TOKEN"),
        (httpx.Response(400, text="args: bad"), "says 400: args: bad"),
    ],
)
def test_what_serve_refuses_is_one_line(reply, message):
    with pytest.raises(Failed, match=message):
        ServeRest("http://head", serve([reply], [])).put(with_args())


def test_a_head_that_is_not_there_and_a_token_that_cannot_be_read(monkeypatch, tmp_path):
    def refuse(request):
        raise httpx.ConnectError("refused")

    with pytest.raises(Failed, match=r"http://head does not answer: refused"):
        ServeRest("http://head", httpx.MockTransport(refuse)).running()
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    with pytest.raises(BadUsage, match="RAY_AUTH_TOKEN_PATH"):
        ServeRest("http://head")


def answer(text, status=200):
    return httpx.Response(status, text=text)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (answer("<html>proxy</html>"), "does not answer as Serve does: Expecting value"),
        (answer(""), "does not answer as Serve does"),
        (answer("[]"), "does not answer as Serve does: the whole"),
        (answer('{"applications": []}'), "applications: Input should be a valid dictionary"),
        (answer('{"applications": {"votebox": 7}}'), "applications.votebox: "),
        (answer('{"applications": {"votebox": {}}}'), "applications.votebox.status"),
        (
            answer('{"applications": {"votebox": {"status": "x", "deployments": {"a": []}}}}'),
            "deployments.a",
        ),
        (
            answer('{"applications": {"v": {"status": "x", "deployed_app_config": [1]}}}'),
            "deployed_app_config: Input should be a valid dictionary",
        ),
        (answer('{"a":' * 50_000), "nested too deep"),
        (answer('{"applications": {"v": ' + "[" * 70 + "]" * 70 + "}}"), "deeper than 64"),
        (answer('{"a": NaN}'), "a is nan: give a number"),
        (answer(" " * (32 * 2**20 + 1)), "an answer of more than 33,554,432 bytes or 120 s"),
        (answer("\x1b[31mred\u202e", 500), "says 500: red;"),
        (httpx.Response(302, headers={"location": "http://elsewhere/"}), "says 302"),
        (
            httpx.Response(
                200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"x")
            ),
            "packs its answer",
        ),
    ],
)
def test_what_is_no_answer_of_serve_is_one_clear_line(reply, message):
    with pytest.raises(Failed, match=message) as caught:
        ServeRest("http://head", serve([reply], [])).running()
    assert str(caught.value).isprintable()


def test_an_answer_that_names_nothing_is_a_cluster_where_nothing_runs():
    for text in ("{}", '{"applications": null}', json.dumps(NOTHING)):
        found = ServeRest("http://head", serve([answer(text)], [])).running()
        assert all(change.before == "none" for change in changes(found, with_args()))


@pytest.mark.parametrize("token", ["two lines\nEvil: yes", "caf\u00e9", "x" * 9000, "a b"])
def test_a_token_no_header_can_hold_is_refused_and_not_shown(token, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    with pytest.raises(BadUsage, match="RAY_AUTH_TOKEN holds") as caught:
        ServeRest("http://head")
    assert token[:5] not in str(caught.value)
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(file))
    with pytest.raises(BadUsage, match="RAY_AUTH_TOKEN_PATH"):
        ServeRest("http://head")


def test_an_address_that_is_no_url_is_refused():
    with pytest.raises(BadUsage, match="no URL"):
        ServeRest("http://head:8265\x00")
