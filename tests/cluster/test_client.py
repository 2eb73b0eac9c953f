from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from fake_app import Answer, app, serving
from recorded import VERDICT, solve_events

from votebox.cluster.client import health, solve_over_http
from votebox.cluster.errors import BadUsage, Failed

DEAD = "http://127.0.0.1:9"


def test_a_solve_shows_every_event_and_returns_the_verdict() -> None:
    shown: list[Mapping[str, Any]] = []
    with serving(app(solve_events())) as url:
        assert solve_over_http(url, {"question": "x"}, shown.append) == VERDICT
    assert shown == solve_events()


def test_the_request_asks_for_a_stream() -> None:
    asked: list[Mapping[str, Any]] = []

    def answer(what: str, body: Mapping[str, Any]) -> Answer:
        asked.append(body)
        return 200, iter(solve_events())

    with serving(answer) as url:
        solve_over_http(url, {"question": "x", "chains": 3}, lambda event: None)
    assert asked == [{"question": "x", "chains": 3, "stream": True}]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BadUsage), (404, BadUsage), (422, BadUsage), (429, Failed), (500, Failed)],
)
def test_a_refusal_is_told_in_the_apps_words(status: int, kind: type[Exception]) -> None:
    body = {"error": {"message": "there is no such recipe", "type": "x"}}
    with serving(lambda what, body_: (status, body)) as url, pytest.raises(kind, match="no such"):
        solve_over_http(url, {}, lambda event: None)


def test_an_error_in_the_middle_fails() -> None:
    events = [*solve_events()[:4], {"error": {"message": "the engine died"}}]
    with serving(app(events)) as url, pytest.raises(Failed, match="the engine died"):
        solve_over_http(url, {}, lambda event: None)


def test_an_end_without_verdict_fails() -> None:
    with serving(app(solve_events()[:4])) as url, pytest.raises(Failed, match="before the verdict"):
        solve_over_http(url, {}, lambda event: None)


@pytest.mark.parametrize(
    "event",
    [[1], "text", {"type": "verdict_reached"}, {"type": "verdict_reached", "verdict": {"a": 1}}],
)
def test_a_server_that_is_no_votebox_app_is_named(event: Any) -> None:
    with serving(app([event])) as url, pytest.raises(Failed, match="no votebox event") as caught:
        solve_over_http(url, {}, lambda event: None)
    assert url in str(caught.value)


def test_a_connection_that_breaks_fails() -> None:
    def broken() -> Iterator[Mapping[str, Any]]:
        yield solve_events()[1]
        raise ConnectionError

    with serving(lambda what, body: (200, broken())) as url, pytest.raises(Failed):
        solve_over_http(url, {}, lambda event: None)


def test_nobody_there_fails_and_names_the_fix() -> None:
    with pytest.raises(Failed, match=r"does not answer.*votebox up"):
        solve_over_http(DEAD, {}, lambda event: None)


def test_health_is_what_the_app_says() -> None:
    assert not health(DEAD)
    with serving(lambda what, body: (200, {})) as url:
        assert health(url)
    with serving(lambda what, body: (503, {})) as url:
        assert not health(url)
