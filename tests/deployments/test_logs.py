import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from votebox.deployments.logs import LOGGER, Logs, RequestLine, SolveLine, formatted

NASTY = 'a\n{"event":"forged"}\x1b[31m\u202e"é\ud800'
SOLVE = SolveLine("s-1", "r-1", "completed", "vote", 1234, key="alice", tokens=77)


def written(line: SolveLine | RequestLine, **options: bool) -> list[str]:
    lines: list[str] = []
    logs = Logs(lines.append, **options)
    if isinstance(line, SolveLine):
        logs.solve(line)
    else:
        logs.request(line)
    return lines


def solve(**changes: str) -> SolveLine:
    return SolveLine("s-1", "r-1", "completed", "vote", 1234, **changes)


def test_a_solve_is_one_json_object() -> None:
    (line,) = written(SOLVE, as_json=True)
    told = json.loads(line)
    assert datetime.fromisoformat(told.pop("time")).tzinfo is not None
    assert told == {
        "event": "solve",
        "solve_id": "s-1",
        "request_id": "r-1",
        "status": "completed",
        "recipe": "vote",
        "ms": 1234,
        "queued_ms": 0,
        "key": "alice",
        "chains": 0,
        "tokens": 77,
        "programs": 0,
    }


def test_a_request_is_one_line_of_words() -> None:
    (line,) = written(RequestLine("r-1", "POST", "/v1/solves/{solve_id}", 404, 12, "alice"))
    assert line.partition("Z ")[2] == (
        "request request_id=r-1 method=POST route=/v1/solves/{solve_id} status=404 ms=12 key=alice"
    )


@pytest.mark.parametrize("as_json", [True, False])
def test_what_clients_choose_can_forge_no_line(*, as_json: bool) -> None:
    line = solve(key=NASTY, question=NASTY)
    (text,) = written(line, as_json=as_json, questions=True)
    assert text.isascii()
    assert text.isprintable()
    assert "forged" in text


def test_a_question_is_logged_only_where_it_is_wanted_and_cut() -> None:
    line = solve(question="secret " + "x" * 500)
    assert "secret" not in written(line)[0]
    (told,) = written(line, as_json=True, questions=True)
    assert len(json.loads(told)["question"]) == 200


@pytest.mark.parametrize("route", ["/health", "/ready", "/metrics"])
def test_probes_have_a_line_only_when_they_fail(route: str) -> None:
    assert written(RequestLine("r", "GET", route, 200, 1)) == []
    assert len(written(RequestLine("r", "GET", route, 503, 1))) == 1


def test_times_are_utc_with_milliseconds() -> None:
    when = datetime(2026, 3, 14, 15, 9, 26, 535_897, tzinfo=UTC)
    assert formatted(when, "solve", {}, as_json=False) == "2026-03-14T15:09:26.535Z solve"


@pytest.fixture
def logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    found = logging.getLogger(LOGGER)
    kept, found.handlers = found.handlers, []
    yield found
    found.handlers, found.propagate = kept, True


@pytest.mark.parametrize(("given", "start"), [("json", '{"time"'), ("text", "20"), ("", "20")])
def test_the_environment_chooses_the_form(
    monkeypatch: pytest.MonkeyPatch, logger: logging.Logger, given: str, start: str
) -> None:
    monkeypatch.setenv("VOTEBOX_LOG", given)
    stream = io.StringIO()
    logger.addHandler(logging.StreamHandler(stream))
    Logs.from_environment().solve(solve(key="100%s"))
    assert stream.getvalue().startswith(start)
    assert "100%s" in stream.getvalue()


def test_lines_go_to_stderr_once(
    monkeypatch: pytest.MonkeyPatch, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("VOTEBOX_LOG", raising=False)
    Logs.from_environment()
    Logs.from_environment().solve(SOLVE)
    out, err = capsys.readouterr()
    assert (out, err.count("solve_id=s-1")) == ("", 1)


def test_a_form_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOTEBOX_LOG", "yaml")
    with pytest.raises(ValueError, match="'yaml'; set it to json or text"):
        Logs.from_environment()
