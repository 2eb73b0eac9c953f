"""Votes that tell a program's answer from a box."""

from votebox.plugins import Candidate, Evidence, Execution, Tally
from votebox.plugins.builtin.aimo2 import AllvoteOptions, allvote
from votebox.plugins.builtin.policies import Aimo2, Rational
from votebox.plugins.builtin.votes import CodeBoxOptions, VoteOptions, code_box, code_over_box

RAN = Execution("ok", "", "", 0, None, 0.1, 0.1, 10.0, truncated=False, isolation="test")


def boxed(answer: str, chain: int) -> Candidate:
    return Candidate(answer, "boxed", chain)


def printed(answer: str, chain: int) -> Candidate:
    return Candidate(answer, "printed", chain, evidence=Evidence(execution=RAN))


def result(tally: Tally) -> dict[str, float]:
    return {c.answer: c.weight for c in tally.classes}


def test_code_speaks_before_the_box() -> None:
    said = [
        *(boxed("1", 0), printed("2", 0)),
        *(boxed("3", 1), printed("x", 1)),
        *(boxed("4", 2), printed("y", 3)),
    ]
    tally = code_over_box(said, Rational(), VoteOptions())
    assert result(tally) == {"4": 1, "3": 1, "2": 1}
    assert [c.answer for c in tally.rejected] == ["y"]


def test_code_and_box_weigh_more_when_they_agree() -> None:
    said = [
        *(boxed("1", 0), printed("1.0", 0)),
        *(boxed("2", 1), printed("3", 1)),
        *(boxed("2", 2), printed("x", 2)),
    ]
    tally = code_box(said, Rational(), CodeBoxOptions())
    assert result(tally) == {"1": 1.5, "2": 1.5, "3": 0.5}
    assert [c.answer for c in tally.rejected] == ["x"]


def test_small_and_round_answers_weigh_less_in_the_table_of_aimo2() -> None:
    said = [boxed("20", 0), printed("21", 0), boxed("300", 1), boxed("0", 2), boxed("1000", 3)]
    found = result(allvote(said, Aimo2(), AllvoteOptions()))
    assert found == {"21": 1.0, "0": 1.2, "300": 0.6, "20": 0.6}


def test_priority_lets_the_program_alone_speak() -> None:
    said = [boxed("51", 0), printed("52", 0), boxed("53", 1), printed("no", 1)]
    found = result(allvote(said, Aimo2(), AllvoteOptions(priority=True)))
    assert found == {"52": 1.0, "53": 1.0}
    assert result(allvote(said, Aimo2(), AllvoteOptions())) == {"51": 1.0, "52": 1.0, "53": 1.0}
