"""Solve with real plugins over the two ports: the solver's behaviour, outcome by outcome."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from contract import FakeBox, plugin, registry, toml

from votebox.plugins import (
    Advice,
    Candidate,
    ChainText,
    Delta,
    EngineError,
    EngineUnavailable,
    Evidence,
    Message,
    PluginError,
    Problem,
    ProblemError,
    ProgramFinished,
    ProgramStarted,
    Prompt,
    PromptTooLong,
    Reading,
    RecipeError,
    Recorded,
    ReplayEngine,
    SolveOptions,
    Solver,
    Tally,
    VerdictReached,
    VoteClass,
    declare,
    load_recipe,
    verdict_to_wire,
)
from votebox.plugins.chances import overtaken

REGISTRY = registry()
QUESTION = Problem("What is 6 times 7?")
OPTIONS = SolveOptions(seed=1)


def replies(*texts: str | Recorded) -> ReplayEngine:
    """Answer prompts with `texts` in order, over and over."""
    turn = itertools.cycle(texts)
    return ReplayEngine(lambda prompt: next(turn))


def small(**changes: str) -> Any:
    return load_recipe(toml(**changes), REGISTRY)


async def solved(engine: Any, recipe: Any = None, box: Any = None, **options: Any) -> Any:
    solver = Solver(engine, box, REGISTRY)
    return await solver.solve(QUESTION, recipe or small(), replace(OPTIONS, **options))


async def test_the_majority_answers() -> None:
    verdict = await solved(replies("it is 42", "it is 41", "it is 42", "no idea"))
    assert verdict.answer == "42"
    assert [(v.answer, v.weight, v.chains) for v in verdict.votes] == [
        ("42", 2, (0, 2)),
        ("41", 1, (1,)),
    ]
    assert verdict.confidence == pytest.approx(2 / 3)
    assert (verdict.stop_reason, verdict.stopped_by) == ("exhausted", None)
    assert [c.ended for c in verdict.chains] == ["answered", "answered", "answered", "finished"]


async def test_contributions_count_prompts_and_sources_per_answer() -> None:
    verdict = await solved(replies("it is 42", "it is 42", "it is 42", "it is 5"))
    first, second = verdict.contributions
    assert (first.answer, first.prompts, first.sources) == (
        "42",
        {"wording-0": 2, "wording-1": 1},
        {"read": 3},
    )
    assert second.prompts == {"wording-1": 1}


async def test_nobody_answering_abstains_with_a_reason() -> None:
    verdict = await solved(replies("who knows"))
    assert (verdict.answer, verdict.abstained, verdict.stop_reason) == (None, True, "abstained")
    assert verdict.reason == "no chain gave a readable answer"
    assert verdict.confidence == 0.0


async def test_replies_cut_by_length_without_an_answer_are_truncated() -> None:
    verdict = await solved(replies(Recorded("it goes on", finish_reason="length")))
    assert verdict.stop_reason == "truncated"
    assert {c.ended for c in verdict.chains} == {"length"}


async def test_every_chain_gets_its_own_seed_and_a_solve_repeats_by_seed() -> None:
    first, second = replies("7"), replies("7")
    await solved(first)
    await solved(second)
    seeds = [prompt.seed for prompt in first.sampled]
    assert len(set(seeds)) == 4
    assert seeds == [prompt.seed for prompt in second.sampled]
    other = replies("7")
    await solved(other, seed=2)
    assert seeds != [prompt.seed for prompt in other.sampled]


async def test_a_drawn_seed_is_told() -> None:
    verdicts = [await solved(replies("7"), seed=None) for _ in range(2)]
    assert verdicts[0].seed != verdicts[1].seed


async def test_all_chains_share_one_stream() -> None:
    class Counting(ReplayEngine):
        calls = 0

        def sample(self, prompts: Any) -> Any:
            self.calls += 1
            return super().sample(prompts)

    engine = Counting(lambda prompt: "it is 42")
    await solved(engine)
    assert engine.calls == 1


async def test_the_stop_rule_ends_the_solve_and_aborts_the_losers() -> None:
    slow = Recorded("a very long chain of thought " * 50, pause_s=0.01)
    engine = replies("it is 42", "it is 42", "it is 42", slow)
    recipe = small(stop='[stop]\nuse = "stop:clinch"')
    verdict = await solved(engine, recipe)
    assert (verdict.stop_reason, verdict.stopped_by) == ("consensus", "clinch")
    assert [c.ended for c in verdict.chains] == ["answered", "answered", "answered", "aborted"]
    assert len(engine.aborted) == 1
    assert verdict.usage.aborted_tokens == verdict.chains[3].usage.completion_tokens


async def test_the_verdict_says_what_stopping_saved_and_risked() -> None:
    slow = Recorded("a very long chain of thought " * 50, pause_s=1.0)
    engine = replies("it is 42", "it is 42", slow)
    recipe = small(stop='[stop]\nuse = "stop:lead"\nvotes = 2')
    verdict = await solved(engine, recipe, chains=12)
    votes = int(verdict.votes[0].weight)
    assert (verdict.planned, verdict.finished) == (12, votes)
    assert 2 <= votes <= 8
    assert verdict.stopped_by == "lead:2"
    assert verdict.flip_chance == pytest.approx(overtaken(votes, 0, 12 - votes))
    told = [c.usage.completion_tokens for c in verdict.chains if c.ended == "answered"]
    saved = max(0, round(12 * sum(told) / votes) - verdict.usage.completion_tokens)
    assert verdict.tokens_saved == saved > 0
    whole = await solved(replies("it is 42", "it is 41"))
    assert (whole.finished, whole.flip_chance, whole.tokens_saved) == (4, 0.0, 0)
    nobody = await solved(replies("no idea"))
    assert nobody.flip_chance is None


async def test_a_slow_step_behind_the_vote_leaves_the_vote_at_the_deadline() -> None:
    @declare(takes=("tally",), gives="tally")
    async def ponder(inputs: Any, ports: Any, options: None = None) -> Tally:
        await asyncio.sleep(60)
        return Tally()

    known = registry(plugin(register_steps=lambda register: register("step:ponder", ponder)))
    recipe = load_recipe(
        toml(
            tail="""
            [nodes.ponder]
            use = "step:ponder"
            after = ["elect"]
            """
        ),
        known,
    )
    solver = Solver(replies("it is 42"), None, known)
    verdict = await solver.solve(QUESTION, recipe, SolveOptions(seed=1, deadline_s=0.3))
    assert (verdict.answer, verdict.stop_reason, verdict.votes[0].weight) == ("42", "deadline", 4)


async def test_the_dispatcher_bounds_the_chains_in_flight() -> None:
    flying, peak = 0, 0

    class Watching(ReplayEngine):
        def sample(self, prompts: Any) -> Any:
            nonlocal flying, peak
            flying += len(prompts)
            peak = max(peak, flying)
            return super().sample(prompts)

    def reply(prompt: Prompt) -> str:
        nonlocal flying
        flying -= 1
        return "it is 42"

    recipe = small(dispatch='[dispatch]\nuse = "dispatch:fixed"\nchains = 2')
    verdict = await solved(Watching(reply), recipe, chains=7)
    assert peak <= 2
    assert len(verdict.chains) == 7


async def test_no_chain_waits_for_another() -> None:
    finished: list[int] = []
    slow = Recorded("slow " * 40 + "41", pause_s=0.05)
    engine = replies(slow, "it is 42")
    solver = Solver(engine, None, REGISTRY)
    async for event in solver.events(QUESTION, small(), SolveOptions(seed=1, chains=2)):
        if type(event).__name__ == "ChainFinished":
            finished.append(event.chain)
    assert finished == [1, 0]


async def test_the_deadline_returns_the_best_verdict_so_far() -> None:
    slow = Recorded("thinking " * 2000, pause_s=0.01)
    engine = replies("it is 42", slow)
    verdict = await solved(engine, deadline_s=0.3)
    assert (verdict.answer, verdict.stop_reason) == ("42", "deadline")
    assert [c.ended for c in verdict.chains] == ["answered", "deadline"] * 2
    assert len(engine.aborted) == 2


async def test_a_deadline_that_passed_asks_no_model() -> None:
    engine = replies("it is 42")
    verdict = await solved(engine, deadline_s=0)
    assert (verdict.answer, verdict.stop_reason, engine.sampled) == (None, "deadline", [])


async def test_the_token_budget_ends_the_solve() -> None:
    engine = replies(Recorded("thinking " * 2000, pause_s=0.001))
    verdict = await solved(engine, max_total_tokens=50)
    assert verdict.stop_reason == "budget"
    assert 50 <= verdict.usage.completion_tokens < 200


async def test_closing_the_events_aborts_everything() -> None:
    engine = replies(Recorded("thinking " * 2000, pause_s=0.001))
    events = Solver(engine, None, REGISTRY).events(QUESTION, small(), OPTIONS)
    async for event in events:
        if isinstance(event, ChainText):
            break
    await events.aclose()
    assert len(engine.aborted) == 4


async def test_cancelling_a_solve_aborts_chains_and_kills_programs() -> None:
    engine = replies("<py>loop</py> and on " + "and on " * 5000)
    box = FakeBox(pause_s=60)
    recipe = small(**PROGRAM)
    task = asyncio.create_task(solved(engine, recipe, box))
    while len(box.ran) < 4:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert box.killed == ["loop"] * 4


async def test_events_come_in_order_and_end_with_the_verdict() -> None:
    solver = Solver(replies("it is 42"), None, REGISTRY)
    names = [type(e).__name__ async for e in solver.events(QUESTION, small(), OPTIONS)]
    assert names[0] == "SolveStarted"
    assert names[-1] == "VerdictReached"
    assert names.count("ChainStarted") == names.count("ChainFinished") == 4
    assert names.index("ChainStarted") < names.index("ChainText") < names.index("CandidateRead")


PROGRAM = {
    "tail": """
[nodes.code]
use = "code:tagged"
after = ["think"]
[nodes.run]
use = "sandbox:python"
after = ["code"]
[nodes.printed]
use = "extract:last-word"
after = ["run"]
""",
    "elect": '[nodes.elect]\nuse = "vote:majority"\nafter = ["printed", "read"]',
}


async def test_a_program_starts_when_its_block_closes_and_runs_once() -> None:
    order: list[str] = []
    engine = replies(Recorded("<py>6*7</py>" + " and then some more words" * 20))
    box = FakeBox(lambda code: "42")
    solver = Solver(engine, box, REGISTRY)
    one = SolveOptions(seed=1, chains=1)
    async for event in solver.events(QUESTION, small(**PROGRAM), one):
        if isinstance(event, (ProgramStarted, ProgramFinished, ChainText)):
            order.append(type(event).__name__)
        if isinstance(event, VerdictReached):
            verdict = event.verdict
    assert order.index("ProgramFinished") < len(order) - 5
    assert box.ran == ["6*7"]
    assert verdict.answer == "42"
    assert verdict.usage.executions == 1
    evidence = verdict.votes[0].members[0].evidence
    assert evidence.execution is not None
    assert evidence.execution.stdout == "42"


async def test_an_early_program_the_finished_reply_drops_is_killed() -> None:
    def last_only(text: str, finish_reason: Any, options: Any) -> Any:
        """Read the last program."""
        from contract import tagged_code

        return tagged_code(text, finish_reason, options)[-1:]

    last_only.closes = ("</py>",)  # type: ignore[attr-defined]
    mine = registry(plugin(register_extractors=lambda register: register("code:last", last_only)))
    text = toml(**{**PROGRAM, "tail": PROGRAM["tail"].replace("code:tagged", "code:last")})
    box = FakeBox(lambda code: code, pause_s=0.05)
    engine = replies("<py>1</py> no wait, that was wrong <py>2</py> done")
    solver = Solver(engine, box, mine)
    verdict = await solver.solve(QUESTION, load_recipe(text, mine), replace(OPTIONS, chains=1))
    assert box.killed == ["1"]
    assert verdict.answer == "2"


ROUNDS = {**PROGRAM, "head": 'name = "small"\nchains = 1\nrounds = 5\npolicy = "any-int"'}


def in_turn(*texts: str) -> Callable[[Prompt], str]:
    """Answer by how many turns the conversation has."""
    return lambda prompt: texts[sum(m.role == "assistant" for m in prompt.messages)]


async def test_rounds_feed_a_programs_output_until_the_chain_answers() -> None:
    engine = ReplayEngine(in_turn("<py>6*7</py>", "so it is 42"))
    verdict = await solved(engine, small(**ROUNDS), FakeBox(lambda code: "out 42"))
    assert verdict.chains[0].rounds == 2
    assert verdict.chains[0].ended == "answered"
    assert [c.source for c in verdict.chains[0].candidates] == ["printed", "read"]
    assert engine.sampled[1].messages == (
        Message("user", QUESTION.text),
        Message("assistant", "<py>6*7</py>"),
        Message("user", "```output\nout 42\n```"),
    )
    assert engine.sampled[0].seed != engine.sampled[1].seed


async def test_a_chain_with_nothing_to_say_ends() -> None:
    verdict = await solved(replies("no program and no answer"), small(**ROUNDS), FakeBox())
    assert (verdict.chains[0].rounds, verdict.chains[0].ended) == (1, "finished")


async def test_a_conversation_that_fills_the_context_ends_with_length() -> None:
    def reply(prompt: Prompt) -> str:
        if len(prompt.messages) > 2:
            raise PromptTooLong("m", "needs 9 tokens, has 8")
        return "<py>1</py>"

    verdict = await solved(ReplayEngine(reply), small(**ROUNDS), FakeBox(lambda code: "x"))
    assert (verdict.chains[0].rounds, verdict.chains[0].ended) == (1, "length")


async def test_a_prompt_too_long_from_the_start_raises() -> None:
    def reply(prompt: Prompt) -> str:
        raise PromptTooLong("m", "needs 9 tokens, has 8", "ask a shorter question")

    with pytest.raises(PromptTooLong, match="ask a shorter question"):
        await solved(ReplayEngine(reply))


async def test_a_diamond_runs_both_branches_and_joins() -> None:
    branches = """
[nodes.left]
use = "extract:last-word"
after = ["think"]
[nodes.right]
use = "extract:last-word"
after = ["think"]
"""
    recipe = small(
        read="", tail=branches, elect='[nodes.elect]\nuse="vote:majority"\nafter=["left","right"]'
    )
    verdict = await solved(replies("it is 42"), recipe)
    assert {c.source for c in verdict.chains[0].candidates} == {"left", "right"}
    assert verdict.votes[0].weight == 4


async def test_two_models_work_in_one_chain() -> None:
    def review(problem: Any, chain: Any, round: int, options: Any) -> Any:
        """Ask for a review of the draft."""
        return f"Review: {chain.inputs['think'].text}"

    mine = registry(plugin(register_prompts=lambda register: register("review", review)))
    text = toml(
        read='[nodes.read]\nuse = "extract:last-word"\nafter = ["edit"]',
        tail='[nodes.again]\nuse="prompt:review"\nafter="think"\n'
        '[nodes.edit]\nuse="model:editor"\nafter="again"\nsampling.temperature=0.0',
    )
    drafts, reviews = replies("a draft"), replies("it is 9")
    solver = Solver({"reasoner": drafts, "editor": reviews}, None, mine)
    verdict = await solver.solve(QUESTION, load_recipe(text, mine), OPTIONS)
    assert verdict.answer == "9"
    assert reviews.sampled[0].messages == (Message("user", "Review: a draft"),)
    assert reviews.sampled[0].sampling is not None
    assert reviews.sampled[0].sampling.temperature == 0.0
    assert len(verdict.chains[0].completions) == 2


async def test_a_third_party_step_runs_in_the_chain_with_the_ports() -> None:
    @declare(takes=["completion"], gives="candidates")
    async def double(inputs: Any, ports: Any, options: Any) -> Any:
        execution = await ports.sandbox.run(inputs["think"].text)
        return (Candidate(execution.stdout, "ignored", -1, evidence=Evidence(parent="think")),)

    mine = registry(plugin(register_steps=lambda register: register("step:double", double)))
    text = toml(
        tail='[nodes.twice]\nuse="step:double"\nafter="think"',
        elect='[nodes.elect]\nuse="vote:majority"\nafter=["read","twice"]',
    )
    solver = Solver(replies("no number"), FakeBox(lambda code: "84"), mine)
    verdict = await solver.solve(QUESTION, load_recipe(text, mine), OPTIONS)
    assert verdict.answer == "84"
    assert {(c.source, c.chain) for v in verdict.votes for c in v.members} == {
        ("twice", n) for n in range(4)
    }


async def test_a_select_sees_every_chains_value_and_decides() -> None:
    @declare(takes=["completion"], gives="tally")
    async def longest(inputs: Any, ports: Any, options: Any) -> Any:
        best = max(inputs["think"], key=lambda c: len(c.text))
        return Tally((VoteClass(best.text, 1.0),))

    mine = registry(plugin(register_steps=lambda register: register("select:longest", longest)))
    text = toml(read="", elect='[nodes.pick]\nuse="select:longest"\nafter="think"')
    solver = Solver(replies("aa", "aaaa", "a"), None, mine)
    verdict = await solver.solve(QUESTION, load_recipe(text, mine), OPTIONS)
    assert verdict.answer == "aaaa"


async def test_a_guard_ends_its_chain_alone() -> None:
    def no_loops(progress: Any, options: Any) -> str | None:
        """End a chain that repeats."""
        return "repetition" if progress.text.count("again") > 5 else None

    mine = registry(plugin(register_stops=lambda register: register("guard:no-loops", no_loops)))
    text = toml(tail='[[guards]]\nuse = "guard:no-loops"')
    engine = replies("again " * 500, "it is 42")
    verdict = await Solver(engine, None, mine).solve(QUESTION, load_recipe(text, mine), OPTIONS)
    assert [c.ended for c in verdict.chains] == ["repetition", "answered"] * 2
    assert len(engine.aborted) == 2
    assert verdict.answer == "42"


async def test_one_failing_chain_is_on_record_and_the_others_vote() -> None:
    turn = itertools.count()

    def reply(prompt: Prompt) -> str:
        if next(turn) == 0:
            raise EngineUnavailable("m", "replica died")
        return "it is 42"

    recipe = small(dispatch='[dispatch]\nuse = "dispatch:fixed"\nchains = 1')
    verdict = await solved(ReplayEngine(reply), recipe)
    assert verdict.answer == "42"
    assert verdict.chains[0].ended == "error"
    assert verdict.chains[0].error == "model m: replica died"


async def test_every_chain_failing_raises_the_first_failure() -> None:
    def reply(prompt: Prompt) -> str:
        raise EngineUnavailable("m", "is down", "start it")

    with pytest.raises(EngineUnavailable, match="model m: is down; start it"):
        await solved(ReplayEngine(reply))


async def test_an_engine_that_ends_its_stream_early_is_an_error() -> None:
    class Quitter:
        model = "quitter"

        def sample(self, prompts: Any) -> Any:
            async def nothing() -> Any:
                return
                yield

            return nothing()

    with pytest.raises(EngineError, match="stream ended before the reply did"):
        await solved(Quitter())


async def test_a_broken_extractor_is_named() -> None:
    def broken(text: str, finish_reason: Any, options: Any) -> Any:
        raise KeyError("x")

    mine = registry(plugin(register_extractors=lambda register: register("extract:bad", broken)))
    text = toml(read='[nodes.read]\nuse="extract:bad"\nafter="think"')
    with pytest.raises(PluginError, match="plugin extract:bad: raised KeyError"):
        await Solver(replies("x"), None, mine).solve(QUESTION, load_recipe(text, mine), OPTIONS)


@pytest.mark.parametrize(("kind", "made"), [("vote", None), ("stop", 3), ("dispatch", "all")])
async def test_a_rule_that_gives_the_wrong_type_is_named(kind: str, made: Any) -> None:
    hook = {"vote": "register_votes"}.get(kind, "register_stops")
    mine = registry(plugin(**{hook: lambda register: register(f"{kind}:odd", lambda *args: made)}))
    place = {
        "vote": {"elect": '[nodes.elect]\nuse="vote:odd"\nafter="read"'},
        "stop": {"stop": '[stop]\nuse="stop:odd"'},
        "dispatch": {"dispatch": '[dispatch]\nuse="dispatch:odd"'},
    }[kind]
    recipe = load_recipe(toml(**place), mine)
    with pytest.raises(PluginError, match=f"plugin {kind}:odd: gave"):
        await Solver(replies("42"), None, mine).solve(QUESTION, recipe, OPTIONS)


async def test_a_stop_rule_of_your_own_is_obeyed_with_its_value() -> None:
    seen = []

    def second(state: Any, options: Any) -> Advice:
        seen.append((state.planned, state.finished, state.counts))
        return Advice(state.finished >= 2, 1)

    mine = registry(plugin(register_stops=lambda register: register("stop:second", second)))
    text = toml(
        stop='[stop]\nuse="stop:second"', dispatch='[dispatch]\nuse="dispatch:fixed"\nchains=1'
    )
    verdict = await Solver(replies("42"), None, mine).solve(
        QUESTION, load_recipe(text, mine), OPTIONS
    )
    assert seen == [(4, 0, ()), (4, 1, (1.0,)), (4, 2, (2.0,))]
    assert verdict.stopped_by == "second"
    assert len(verdict.chains) == 2


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "question is empty"),
        ("  \n ", "question is empty"),
        ("x" * 1_000_000, "1,000,000 characters; give at most 100,000"),
        ("a\ud800b", "is not a character"),
    ],
)
async def test_a_question_that_cannot_be_asked_raises(text: str, match: str) -> None:
    with pytest.raises(ProblemError, match=match):
        await Solver(replies("7"), None, REGISTRY).solve(Problem(text), small())


@pytest.mark.parametrize(
    "bad",
    [{"chains": 0}, {"chains": 2.5}, {"chains": True}, {"seed": -1}, {"deadline_s": -1}]
    + [{"deadline_s": float("nan")}, {"temperature": 11}, {"max_tokens": 0}, {"chains": 10**9}],
)
def test_an_option_out_of_range_raises_naming_it(bad: dict[str, Any]) -> None:
    (name,) = bad
    with pytest.raises(ProblemError, match=name):
        SolveOptions(**bad)


async def test_an_unknown_recipe_and_a_missing_role_are_named() -> None:
    solver = Solver({"editor": replies("7")}, None, REGISTRY)
    with pytest.raises(RecipeError, match="no such recipe; known recipes: aimo-qwq"):
        await solver.solve(QUESTION, "nope")
    with pytest.raises(RecipeError, match="role 'reasoner'; roles served: editor"):
        await solver.solve(QUESTION, small())
    with pytest.raises(RecipeError, match="runs programs and this solver has no sandbox"):
        await solver.solve(QUESTION, small(**PROGRAM))


async def test_a_verdict_is_plain_json() -> None:
    import json

    verdict = await solved(replies("it is 42"))
    data = json.loads(json.dumps(verdict_to_wire(verdict), allow_nan=False))
    assert data["answer"] == "42"
    assert data["votes"][0]["chains"] == [0, 1, 2, 3]
    assert data["usage"]["chains"] == 4
    assert len(data["chains"]) == 4


async def test_an_engine_that_cannot_begin_is_an_error_and_no_hang() -> None:
    class Broken:
        model = "broken"

        def sample(self, prompts: Any) -> Any:
            raise TypeError("no such thing")

    with pytest.raises(EngineError, match="model broken: failed: TypeError: no such thing"):
        await solved(Broken())


async def test_a_stream_that_fails_to_close_does_not_hold_its_chains() -> None:
    class Stuck:
        model = "stuck"

        def sample(self, prompts: Any) -> Any:
            return self

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> Any:
            raise EngineUnavailable("stuck", "died")

        async def abort(self, chain: int) -> None: ...

        async def aclose(self) -> None:
            raise TimeoutError("cannot close")

    with pytest.raises(EngineUnavailable, match="model stuck: died"):
        await solved(Stuck())


async def test_an_error_of_one_chain_leaves_the_others_of_its_stream_alone() -> None:
    class Partly:
        model = "partly"

        def sample(self, prompts: Any) -> Any:
            async def stream() -> Any:
                yield [Delta(0, error=EngineUnavailable("partly", "refused once"))]
                yield [Delta(n, "it is 42", 3, finish_reason="stop") for n in (1, 2, 3)]

            return stream()

    verdict = await solved(Partly())
    assert verdict.answer == "42"
    assert [c.ended for c in verdict.chains] == ["error", "answered", "answered", "answered"]


async def test_many_blocks_are_searched_for_programs_a_bounded_number_of_times() -> None:
    asked = 0

    @declare(closes=("```",))
    def counting(text: str, finish_reason: Any, options: Any) -> Any:
        nonlocal asked
        asked += 1
        return []

    mine = registry(plugin(register_extractors=lambda register: register("code:count", counting)))
    text = toml(**{**PROGRAM, "tail": PROGRAM["tail"].replace("code:tagged", "code:count")})
    engine = ReplayEngine(lambda prompt: "```python\nprint(1)\n```\n" * 300, piece_chars=4)
    solver = Solver(engine, FakeBox(), mine)
    await solver.solve(QUESTION, load_recipe(text, mine), replace(OPTIONS, chains=1))
    assert asked <= 17


async def test_a_guarded_chain_asks_no_second_model() -> None:
    def now(progress: Any, options: Any) -> str:
        return "enough"

    mine = registry(
        plugin(
            register_stops=lambda register: register("guard:now", now),
            register_prompts=lambda register: register("again", lambda *args: "go on"),
        )
    )
    text = toml(
        read='[nodes.read]\nuse = "extract:last-word"\nafter = ["edit"]',
        tail='[nodes.again]\nuse="prompt:again"\nafter="think"\n'
        '[nodes.edit]\nuse="model:editor"\nafter="again"\n[[guards]]\nuse="guard:now"',
    )
    editor = replies("it is 9")
    solver = Solver({"reasoner": replies("long " * 50), "editor": editor}, None, mine)
    verdict = await solver.solve(QUESTION, load_recipe(text, mine), OPTIONS)
    assert {c.ended for c in verdict.chains} == {"enough"}
    assert editor.sampled == []


async def test_a_prompt_that_first_speaks_in_a_later_round_starts_a_conversation() -> None:
    def late(problem: Any, chain: Any, round: int, options: Any) -> Any:
        return None if round == 0 else "now it is your turn"

    mine = registry(plugin(register_prompts=lambda register: register("late", late)))
    text = toml(
        head='name = "small"\nchains = 1\nrounds = 2\npolicy = "any-int"\nanswered_by=["b"]',
        tail='[nodes.late]\nuse="prompt:late"\n[nodes.second]\nuse="model:second"\nafter="late"\n'
        '[nodes.b]\nuse="extract:last-word"\nafter="second"',
        elect='[nodes.elect]\nuse="vote:majority"\nafter=["read","b"]',
        ask='[nodes.ask]\nuse="prompt:solve"',
    )
    engines = {"reasoner": replies("hm"), "second": replies("it is 5")}
    verdict = await Solver(engines, None, mine).solve(QUESTION, load_recipe(text, mine), OPTIONS)
    assert verdict.answer == "5"
    assert engines["second"].sampled[0].messages == (Message("user", "now it is your turn"),)


async def wait_on_a_cancelled_task(*args: Any) -> Any:
    task = asyncio.get_running_loop().create_future()
    task.cancel()
    await task


@pytest.mark.parametrize("made", [None, "text", [None], [Reading(42)], [Reading("7", (5, 900))]])
async def test_an_extractor_that_gives_the_wrong_thing_is_named(made: Any) -> None:
    mine = registry(
        plugin(register_extractors=lambda register: register("extract:odd", lambda *args: made))
    )
    text = toml(read='[nodes.read]\nuse="extract:odd"\nafter="think"')
    with pytest.raises(PluginError, match="plugin extract:odd: gave"):
        await Solver(replies("x"), None, mine).solve(QUESTION, load_recipe(text, mine), OPTIONS)


async def test_a_step_that_was_cancelled_by_itself_is_an_error_of_the_step() -> None:
    step = declare(takes=["completion"], gives="candidates")(wait_on_a_cancelled_task)
    mine = registry(plugin(register_steps=lambda register: register("step:lost", step)))
    text = toml(
        tail='[nodes.lost]\nuse="step:lost"\nafter="think"',
        elect='[nodes.elect]\nuse="vote:majority"\nafter=["read","lost"]',
    )
    with pytest.raises(PluginError, match="plugin step:lost: raised CancelledError"):
        await Solver(replies("x"), None, mine).solve(QUESTION, load_recipe(text, mine), OPTIONS)
