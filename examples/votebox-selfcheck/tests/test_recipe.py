"""Run the recipe whole: recorded replies, real programs in the real jail."""

from votebox_selfcheck.journal import counts

RIGHT = "ANSWER: 41\nCORRECTION: 41 -> 42\nCHECK: answer % 7 == 0\nCHECK: answer // 7 == 6\n"
WRONG = "ANSWER: 41\nCHECK: answer % 7 == 0\n"


def test_a_confirmed_answer_wins_against_more_chains_that_refute_themselves(votebox_solve) -> None:
    before = counts.copy()
    verdict = votebox_solve("selfcheck", [WRONG, WRONG, WRONG, RIGHT])
    assert verdict.answer == "42"
    assert {vote.answer: vote.weight / len(vote.members) for vote in verdict.votes} == {
        "42": 2.0,
        "41": 0.25,
    }
    assert (counts - before)[f"verdict {verdict.stop_reason}"] == 1
    assert (counts - before)["program ok"] >= len(verdict.votes[0].members)


def test_a_streak_stops_the_solve_after_a_wave(votebox_solve) -> None:
    verdict = votebox_solve("selfcheck", RIGHT)
    assert verdict.answer == "42"
    assert verdict.finished == 4
    assert verdict.stopped_by is not None
    assert verdict.stopped_by.startswith("selfcheck-streak")


def test_an_answer_without_checks_gets_a_second_opinion(votebox_solve) -> None:
    def reply(prompt) -> str:
        asked = prompt.messages[-1].content
        return "No." if "Proposed answer: 41" in asked else "ANSWER: 41"

    verdict = votebox_solve("selfcheck", reply)
    assert [vote.weight for vote in verdict.votes] == [0.25 * len(verdict.votes[0].members)]


def test_a_chain_that_goes_round_in_circles_is_ended(votebox_solve) -> None:
    verdict = votebox_solve("selfcheck", "wait, " * 200)
    assert {chain.ended for chain in verdict.chains} == {"doubt"}
    assert verdict.answer is None
