"""The Kaggle adapter: an answer for every question, in its frame and in its time."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import batches
import pytest

from votebox.cluster.batch_ask import Busy, Gone
from votebox.cluster.cli import run
from votebox.cluster.errors import BadUsage
from votebox.cluster.kaggle import Predictor
from votebox.cluster.kaggle_replay import read_questions, replay_questions
from votebox.plugins import TimeBank

pd = pytest.importorskip("pandas")


class Answers:
    """Give the verdict a function makes of the request; remember the requests."""

    def __init__(self, answer: Any) -> None:
        self._answer, self.requests = answer, []

    async def __call__(self, request: Any, key: str) -> Any:
        self.requests.append(request)
        found = self._answer(request)
        return {"answer": await found if asyncio.iscoroutine(found) else found}

    async def aclose(self) -> None:
        pass


@pytest.fixture
def made() -> Iterator[Any]:
    predictors: list[Predictor] = []

    def make(ask: Any, bank: TimeBank | None = None, **options: Any) -> Predictor:
        predictors.append(Predictor(ask, bank or TimeBank(60, 3), **options))
        return predictors[-1]

    yield make
    for predictor in predictors:
        predictor.close()


def frames(name: str, text: str) -> tuple[Any, Any]:
    return pd.DataFrame({"id": [name]}), pd.DataFrame({"question": [text]})


def test_frames_of_one_cell_give_a_frame_of_one_row(made: Any) -> None:
    predictor = made(batches.solver(batches.sums()))
    found = predictor.predict(*frames("a", "40 + 2"))
    assert isinstance(found, pd.DataFrame)
    assert found.to_dict("list") == {"id": ["a"], "answer": [42]}
    series = pd.Series(["b"]), pd.Series(["40 + 3"])
    assert predictor.predict(*series).to_dict("list") == {"id": ["b"], "answer": [43]}


def test_polars_frames_give_a_polars_frame(made: Any) -> None:
    import polars as pl

    given = pl.DataFrame({"id": ["a"]}), pl.DataFrame({"question": ["40 + 2"]})
    found = made(batches.solver(batches.sums())).predict(*given)
    assert isinstance(found, pl.DataFrame)
    assert found.to_dict(as_series=False) == {"id": ["a"], "answer": [42]}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("1042", 42), ("-7", 993), ("84/2", 42), ("\\pi", 49), ("1.5", 49), (None, 49)],
)
def test_an_answer_is_an_integer_below_the_modulus(made: Any, answer: Any, expected: int) -> None:
    assert made(Answers(lambda _: answer)).answer("a", "?") == expected


def test_a_failure_of_any_kind_is_the_default_answer(made: Any) -> None:
    def fail(request: Any) -> Any:
        raise RuntimeError("boom")

    predictor = made(Answers(fail), default=7)
    assert predictor.predict(*frames("a", "?"))["answer"].tolist() == [7]
    assert predictor.predict(pd.DataFrame({"id": ["b"]}), None)["answer"].tolist() == [7]
    assert (predictor.asked, predictor.failed) == (2, 2)


def test_frames_that_are_not_as_agreed_raise_nothing(made: Any) -> None:
    predictor = made(batches.solver(batches.sums()), TimeBank(60, 9), default=7)
    empty = pd.DataFrame()
    found = predictor.predict(pd.DataFrame({"id": ["a"]}), empty)
    assert found.to_dict("list") == {"id": ["a"], "answer": [7]}
    assert predictor.predict(empty, empty).to_dict("list") == {"id": [""], "answer": [7]}
    assert (predictor.asked, predictor.failed) == (2, 2)


@pytest.mark.parametrize("error", [Busy(0.05), Gone("starting again")])
def test_who_is_away_for_a_moment_is_asked_again_in_time(
    made: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("votebox.cluster.kaggle._AWAY_S", 0.05)

    def away(request: Any) -> Any:
        if len(asked.requests) < 3:
            raise error
        return "42"

    asked = Answers(away)
    assert made(asked).answer("a", "?") == 42
    limits = [request["deadline_s"] for request in asked.requests]
    assert limits == sorted(set(limits), reverse=True)
    asked = Answers(away)
    assert made(asked, TimeBank(0.05, 1), default=7).answer("a", "?") == 7


def test_a_solve_that_outlives_its_deadline_is_given_up(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("votebox.cluster.kaggle._GRACE_S", 0.1)
    ended: list[bool] = []

    async def hang() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)
        return "1"

    predictor = made(Answers(lambda _: hang()), TimeBank(60, 3, most_s=1.0))
    began = time.monotonic()
    assert predictor.answer("a", "?") == 49
    assert time.monotonic() - began < 20
    for _ in range(100):
        if ended:
            break
        time.sleep(0.05)
    assert ended == [True]


def test_time_is_dealt_over_all_questions_and_past_its_end_is_late(made: Any) -> None:
    now = [0.0]
    ask = Answers(lambda _: "1")
    bank = TimeBank(100, 3, reserve=0.1, clock=lambda: now[0])
    predictor = made(ask, bank, late=210)
    assert [predictor.answer("a", "?"), predictor.answer("b", "?")] == [1, 1]
    first, second = (request["deadline_s"] for request in ask.requests)
    assert first == pytest.approx(30)
    assert second == pytest.approx(45)
    now[0] = 101.0
    assert predictor.answer("c", "?") == 210
    assert len(ask.requests) == 2


def test_a_replay_keeps_the_score(tmp_path: Path, made: Any) -> None:
    table = tmp_path / "reference.csv"
    table.write_text('id,problem,answer\na,"40 + 2",42\nb,"1 +\n1",3\nc,5 + 5,10\nd,1 + 1,\n')
    predictor = made(batches.solver(batches.sums()), TimeBank(60, 4))
    scores = list(replay_questions(read_questions(table), predictor.predict, pd))
    assert [score.answer for score in scores] == [42, 49, 10, 2]
    assert [score.right for score in scores] == [1, 1, 2, 2]
    assert (scores[-1].graded, scores[-1].asked) == (3, 4)


@pytest.mark.parametrize("reply", [None, 5, {"id": ["x"], "answer": [1]}, {"id": ["a"]}])
def test_a_reply_the_gateway_would_refuse_is_refused(tmp_path: Path, reply: Any) -> None:
    (tmp_path / "in.csv").write_text("id,question\na,1 + 1\n")
    with pytest.raises(BadUsage, match="return a frame"):
        list(replay_questions(read_questions(tmp_path / "in.csv"), lambda i, q: reply))


@pytest.mark.parametrize(
    ("ids", "said"), [("aa", "row 2 has the id 'a' a second time"), (" a", "row 1 has no id")]
)
def test_an_id_that_would_lose_an_answer_is_refused(tmp_path: Path, ids: str, said: str) -> None:
    rows = "".join(f"{name.strip()},1 + 1,2\n" for name in ids)
    (tmp_path / "in.csv").write_text(f"id,question,answer\n{rows}")
    with pytest.raises(BadUsage, match=said):
        read_questions(tmp_path / "in.csv")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--default", "1000"], "--default 1000 is no answer modulo 1000"),
        (["--late", "7", "--modulo", "7"], "--late 7 is no answer modulo 7"),
        (["--most-s", "1"], "--most-s 1 is below --least-s 5"),
    ],
)
def test_options_that_cannot_hold_are_refused_before_an_engine_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], said: str
) -> None:
    (tmp_path / "in.csv").write_text("id,question\na,1 + 1\n")
    asked = [
        "kaggle",
        "replay",
        str(tmp_path / "in.csv"),
        "--local",
        "--default",
        "1",
        "--late",
        "1",
    ]
    assert run([*asked, *given]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "id,answer\n1,2\n", "question\nx\n"])
def test_a_table_without_questions_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "in.csv").write_text(text)
    with pytest.raises(BadUsage, match=json.dumps("in.csv")[1:-1]):
        read_questions(tmp_path / "in.csv")
