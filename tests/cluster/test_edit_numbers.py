"""The numbers of the editing benchmark, on cases made by hand: who counts, for whom, at what cost."""

import json
from dataclasses import replace

import pytest

from votebox.cluster.edit_cases import Case, ChainCase, Change, Reply, dump_case, read_case
from votebox.cluster.edit_numbers import number
from votebox.cluster.evaluate_rows import Fault

IDS = ("T.a", "T.b")


def reply(role: str = "architect", **fields: object) -> Reply:
    made = Reply(role, role, 0, f"{role}-model", "text", "", "stop", 1000, 100, 2.0, "exact")
    return replace(made, **fields)  # type: ignore[arg-type]


def change(a: str = "passed", b: str = "passed", verdict: str = "passed") -> Change:
    return Change(0, {"app.py": "x = 1\n"}, verdict, {"T.a": a, "T.b": b}, 0.5, "ab")


def chain(*changes: Change, index: int = 0, replies: tuple[Reply, ...] | None = None) -> ChainCase:
    said = (reply(),) if replies is None else replies
    return ChainCase(index, "finished", said, changes)


def case(name: str, *chains: ChainCase, **fields: object) -> Case:
    made = Case(name, 0, 1, "ab", (), IDS, len(chains), chains, wall_s=1.0)
    return replace(made, **fields)  # type: ignore[arg-type]


GOOD, BAD = change(), change(b="failed", verdict="failed")
LOST = Case("lost", 0, 1, "", (), (), error=Fault("EngineError", "away"))


def test_published_rates_divide_by_completed_cases_and_ours_by_all() -> None:
    numbers = number([case("one", chain(GOOD)), LOST], 1, "published", {})
    assert numbers.published.pass_rates == (100.0,)
    assert numbers.blind.value == 0.5
    assert (numbers.cases, numbers.completed, numbers.errors) == (2, 1, {"EngineError": 1})


def test_a_try_counts_the_files_as_it_left_them() -> None:
    worse = case("one", chain(GOOD, BAD))
    numbers = number([worse, case("two", chain(BAD, GOOD))], 2, "published", {})
    assert numbers.published.pass_rates == (50.0, 50.0)
    assert worse.share(1) == 1.0
    assert worse.share(2) == 0.0


@pytest.mark.parametrize("verdict", ["forged", "broken"])
def test_what_was_forged_or_broken_passes_nothing(verdict: str) -> None:
    assert not change(verdict=verdict).passes(IDS)


def test_tests_that_are_skipped_alone_or_missing_do_not_pass() -> None:
    assert not change("skipped", "skipped").passes(IDS)
    assert change("passed", "skipped").passes(IDS)
    assert not change().passes((*IDS, "T.c"))
    assert not change().passes(())


def test_split_scores_hidden_tests_alone() -> None:
    half = case("one", chain(BAD), scoring=("T.a",), visible=("T.b",))
    assert number([half], 1, "split", {}).blind.value == 1.0


def test_repeats_are_averaged_and_make_no_interval_narrower() -> None:
    once = number([case("one", chain(GOOD)), case("two", chain(BAD))], 1, "published", {})
    twice = [case(n, chain(c), repeat=r) for n, c in (("one", GOOD), ("two", BAD)) for r in (0, 1)]
    numbers = number(twice, 1, "published", {})
    assert numbers.blind == once.blind
    assert numbers.blind.interval == once.blind.interval
    assert (numbers.cases, numbers.exercises) == (4, 2)


def test_chains_that_gave_nothing_count_in_the_mean_and_not_in_oracle() -> None:
    mixed = case("one", chain(GOOD), chain(index=1), chain(BAD, index=2), voted=(2, 1))
    numbers = number([mixed], 1, "published", {})
    assert numbers.blind.value == pytest.approx(1 / 3)
    assert (numbers.voted.value, numbers.oracle.value, numbers.chains) == (0.0, 1.0, 3)


def test_oracle_is_over_what_the_vote_chose_from() -> None:
    mended = case("one", chain(BAD, GOOD), chain(BAD, index=1), voted=(0, 1))
    assert number([mended], 2, "published", {}).oracle.value == 0.0
    assert number([mended], 2, "split", {}).oracle.value == 1.0


def test_cost_is_known_where_every_price_is() -> None:
    said = (reply(proposes=True, outcome="proposal"), reply("editor"))
    cases = [case("one", chain(GOOD, replies=said))]
    prices = {"architect-model": (1.0, 10.0), "editor-model": (0.0, 0.0)}
    numbers = number(cases, 1, "published", prices)
    assert numbers.roles["architect"].cost == pytest.approx((1000 * 1 + 100 * 10) / 1e6)
    assert numbers.roles["editor"].cost == 0.0
    assert numbers.published.total_cost == pytest.approx(0.002)
    del prices["editor-model"]
    numbers = number(cases, 1, "published", prices)
    assert numbers.roles["editor"].cost is None
    assert numbers.published.total_cost is None
    assert numbers.skipped == 0.0


def test_tokens_are_parted_by_what_was_thinking() -> None:
    said = (reply(thinking=0.75), reply(round=1, thinking=0.0))
    role = number([case("one", chain(GOOD, replies=said))], 1, "published", {}).roles["architect"]
    assert (role.thinking_tokens, role.answer_tokens) == (75, 125)
    assert (role.completion_tokens, role.prompt_tokens, role.seconds) == (200, 2000, 4.0)


def test_faults_of_changes_are_counted_under_their_published_names() -> None:
    late = replace(BAD, verdict="timeout", errors=("SyntaxError", "IndentationError"))
    full = replace(chain(late), ended="length")
    cut = chain(index=1, replies=(reply(finish_reason="length", outcome="cut", lazy=2),))
    told = number([case("one", full, cut)], 1, "published", {}).published
    assert (told.test_timeouts, told.syntax_errors, told.indentation_errors) == (1, 1, 1)
    assert (told.exhausted_context_windows, told.lazy_comments, told.error_outputs) == (2, 2, 2)


def test_no_case_at_all_has_numbers_too() -> None:
    numbers = number([LOST], 2, "published", {})
    assert (numbers.blind.value, numbers.published.pass_rates) == (0.0, (0.0, 0.0))
    json.dumps(numbers.to_json())


def test_a_case_survives_its_line_and_half_a_character_is_replaced() -> None:
    made = case("one", chain(GOOD, BAD, replies=(reply(reasoning="hm"),)), voted=(0, 2))
    assert read_case(dump_case(made)) == made
    broken = case("one", chain(replace(GOOD, files={"app.py": "\ud800", "gone.py": None})))
    kept = read_case(dump_case(broken)).chains[0].changes[0].files
    assert kept == {"app.py": "\ufffd", "gone.py": None}
