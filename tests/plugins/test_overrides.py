"""What a caller sets for one solve changes that solve, and nothing out of bounds starts one."""

import json
from pathlib import Path
from typing import Any

import pytest
from contract import FakeBox, plugin, registry, toml

from votebox.plugins import (
    EFFORTS,
    Advice,
    Problem,
    ProblemError,
    Prompt,
    RecipeError,
    RecordingEngine,
    Registry,
    ReplayEngine,
    Sampling,
    SolveOptions,
    Solver,
    TraceStore,
    Verdict,
    declare,
    load_recipe,
    recount,
    verdict_to_wire,
)

ONE = '[dispatch]\nuse = "dispatch:fixed"\nchains = 1'
ID = "20260314-150926-535-0123456789"


def by_turns(*texts: str) -> Any:
    turn = iter(texts * 99)
    return lambda prompt: next(turn)


async def solved(
    reply: Any = "it is 4", *, text: str = "", extra: Any = (), store: Any = None, **options: Any
) -> tuple[Verdict, list[Prompt]]:
    """Solve; return the verdict and what the engine was asked."""
    known = registry(*extra)
    engine = ReplayEngine(reply if callable(reply) else lambda prompt: reply)
    solver = Solver(engine, None, known, store)
    given = SolveOptions(**{"seed": 1, **options})
    verdict = await solver.solve(Problem("2 + 2?"), load_recipe(text or toml(), known), given)
    return verdict, engine.sampled


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0.25),
        ("top_p", 0.5),
        ("top_k", 7),
        ("min_p", 0.125),
        ("max_tokens", 99),
        ("repetition_penalty", 1.5),
        ("presence_penalty", -1.0),
        ("frequency_penalty", 2.0),
    ],
)
async def test_each_sampling_override_reaches_every_model(name: str, value: float) -> None:
    second = '[nodes.again]\nuse = "prompt:ask"\nafter = ["think"]\n[nodes.two]\nuse = "model:reasoner"\nafter = ["again"]'
    read = '[nodes.read]\nuse = "extract:last-word"\nafter = ["two"]'
    think = '[nodes.think]\nuse = "model:reasoner"\nafter = ["ask"]\nsampling.stop = ["END"]'
    text = toml(think=think, read=read, tail=second)
    _, asked = await solved(text=text, **{name: value})
    assert len(asked) == 8
    kept = Sampling(**{name: value})
    assert {p.sampling for p in asked} == {Sampling(**{name: value}, stop=("END",)), kept}


async def test_stop_strings_are_added_to_those_of_the_recipe() -> None:
    think = '[nodes.think]\nuse = "model:reasoner"\nafter = ["ask"]\nsampling.stop = ["END"]'
    _, asked = await solved(text=toml(think=think), stop_strings=["###", "END"])
    assert {p.sampling.stop for p in asked if p.sampling} == {("END", "###")}


async def test_a_stop_rule_of_the_callers_ends_the_solve() -> None:
    text = toml(head='name = "small"\nchains = 8\npolicy = "any-int"', dispatch=ONE)
    whole, _ = await solved(text=text)
    assert (whole.stop_reason, whole.finished) == ("exhausted", 8)
    early, _ = await solved(text=text, stop="lead:2")
    assert (early.stop_reason, early.stopped_by, early.finished) == ("consensus", "lead:2", 2)
    never, _ = await solved(text=text.replace("stop:never", "stop:clinch"), stop="never")
    assert never.stop_reason == "exhausted"


async def test_a_vote_of_the_callers_replaces_the_recipes_and_its_options() -> None:
    elect = '[nodes.elect]\nuse = "vote:code-box"\nafter = ["read"]\nalone = 2.0'
    whole, _ = await solved(text=toml(elect=elect))
    assert [c.weight for c in whole.votes] == [8.0]
    changed, _ = await solved(text=toml(elect=elect), vote="majority")
    assert [c.weight for c in changed.votes] == [4.0]
    defaults, _ = await solved(text=toml(elect=elect), vote="code-box")
    assert [c.weight for c in defaults.votes] == [4.0]
    assert changed.recipe_hash == whole.recipe_hash


async def test_a_rule_that_reads_logprobs_gets_them() -> None:
    @declare(top_logprobs=5)
    def sure(state: Any, options: Any) -> Advice:
        return Advice(False, state.left, None)

    extra = plugin(register_stops=lambda register: register("stop:sure", sure))
    _, asked = await solved(extra=(extra,), stop="sure")
    assert {p.sampling.top_logprobs for p in asked if p.sampling} == {5}


async def test_a_recipe_of_two_votes_keeps_them() -> None:
    @declare(takes=("tally",), gives="tally")
    async def first(inputs: Any, ports: Any, options: Any) -> Any:
        return inputs["elect"]

    extra = (plugin(register_steps=lambda register: register("step:first", first)),)
    tail = '[nodes.other]\nuse = "vote:weighted"\nafter = ["read"]\n[nodes.both]\nuse = "step:first"\nafter = ["elect", "other"]'
    verdict, _ = await solved(text=toml(tail=tail), extra=extra)
    assert verdict.answer == "4"
    with pytest.raises(RecipeError, match=r"has 2 votes \(elect, other\), so 'weighted'"):
        await solved(text=toml(tail=tail), extra=extra, vote="weighted")


async def test_below_the_confidence_asked_for_there_is_no_answer() -> None:
    replies = ("4", "4", "4", "5")
    sure, _ = await solved(by_turns(*replies), min_confidence=0.75)
    assert (sure.answer, sure.stop_reason) == ("4", "exhausted")
    unsure, _ = await solved(by_turns(*replies), min_confidence=0.76)
    assert (unsure.answer, unsure.stop_reason) == (None, "abstained")
    assert unsure.reason == "3 of 4 votes: a share of 0.75, and 0.76 is asked for"
    assert [(c.answer, c.weight) for c in unsure.votes] == [("4", 3.0), ("5", 1.0)]


async def test_a_fallback_of_the_policy_is_not_confident_either() -> None:
    head = 'name = "small"\nchains = 4\npolicy = "seed"'
    text = toml(head=head)
    fallen, _ = await solved("no idea", text=text)
    assert fallen.answer == "49"
    unsure, _ = await solved("no idea", text=text, min_confidence=0.1)
    assert (unsure.answer, unsure.stop_reason) == (None, "abstained")


@pytest.mark.parametrize(
    ("effort", "chains"),
    [("none", 1), ("minimal", 3), ("low", 5), ("medium", 10), ("high", 20), ("xhigh", 30)]
    + [("max", 40)],
)
async def test_effort_multiplies_the_chains_of_the_recipe(effort: str, chains: int) -> None:
    head = 'name = "small"\nchains = 10\npolicy = "any-int"'
    verdict, asked = await solved(text=toml(head=head), reasoning_effort=effort)
    assert verdict.planned == len(asked) == chains


async def test_chains_win_over_effort_which_scales_the_ladder() -> None:
    given, _ = await solved(reasoning_effort="max", chains=2)
    assert given.planned == 2
    ladder = "[[ladder]]\nbelow_s = 100.0\nchains = 2"
    short, _ = await solved(text=toml(tail=ladder), reasoning_effort="high", deadline_s=50)
    assert short.planned == 4


def test_effort_is_bounded_as_chains_are() -> None:
    assert SolveOptions(reasoning_effort="max").planned(4000) == 4096
    assert SolveOptions(reasoning_effort="none").planned(1) == 1


def test_the_document_tells_every_effort() -> None:
    text = (Path(__file__).parents[2] / "docs/recipes.md").read_text()
    for effort, factor in EFFORTS.items():
        assert f"| `{effort}` | {'1 chain' if factor == 0 else f'{factor:g}'} |" in text


async def test_ids_and_overrides_stand_in_verdict_and_trace(tmp_path: Path) -> None:
    store = TraceStore(str(tmp_path))
    overrides = {"vote": "weighted", "stop_strings": ["#"], "reasoning_effort": "low"}
    verdict, _ = await solved(store=store, solve_id=ID, client_request="req_7", **overrides)
    assert (verdict.id, verdict.client_request, verdict.overrides) == (ID, "req_7", overrides)
    wire = verdict_to_wire(verdict)
    assert json.loads(json.dumps(wire))["overrides"] == overrides
    assert (wire["id"], wire["client_request"]) == (ID, "req_7")
    assert store.find(ID).verdict == verdict


async def test_a_recount_takes_the_vote_and_the_confidence_the_caller_asked_for(
    tmp_path: Path,
) -> None:
    store, known = TraceStore(str(tmp_path)), registry()
    elect = '[nodes.elect]\nuse = "vote:code-box"\nafter = ["read"]\nalone = 2.0'
    asked: dict[str, Any] = {"vote": "majority", "min_confidence": 0.9}
    await solved(by_turns("4", "5"), text=toml(elect=elect), store=store, solve_id=ID, **asked)
    found = await recount(store.find(ID), known, None)
    assert (found.stands, found.same_votes, found.answer) == (True, True, None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"top_p": 0}, "top_p = 0; .*greater than 0"),
        ({"top_p": 1.1}, "top_p = 1.1; .*less than or equal to 1"),
        ({"top_p": float("nan")}, "top_p = nan"),
        ({"top_k": -2}, "top_k = -2; .*greater than or equal to 0"),
        ({"top_k": 1.5}, "top_k = 1.5"),
        ({"top_k": 2**40}, "top_k = 1099511627776; .*less than or equal to 10000000"),
        ({"min_p": True}, "min_p = True"),
        ({"repetition_penalty": 0}, "repetition_penalty = 0; .*greater than 0"),
        ({"presence_penalty": 3}, "presence_penalty = 3; .*less than or equal to 2"),
        ({"frequency_penalty": -3}, "frequency_penalty = -3; .*greater than or equal to -2"),
        ({"max_tokens": 0}, "max_tokens = 0"),
        ({"stop_strings": ["a"] * 5}, "holds 5 texts; give at most 4"),
        ({"stop_strings": [""]}, "stop_strings holds ''; give texts of 1 to 256"),
        ({"stop_strings": [4]}, "stop_strings holds 4"),
        ({"min_confidence": 1.5}, "min_confidence = 1.5; give at least 0 and at most 1"),
        ({"min_confidence": "1"}, "min_confidence = '1'"),
        ({"reasoning_effort": "huge"}, "reasoning_effort = 'huge'; give one of none, minimal, low"),
        ({"reasoning_effort": ["low"]}, "reasoning_effort"),
        ({"keep_failed": 1}, "keep_failed = 1 is neither true nor false"),
        ({"solve_id": "20260314"}, "solve_id = '20260314' is no id"),
        ({"solve_id": ID + "/.."}, "is no id"),
        ({"solve_id": "٢" + ID[1:]}, "is no id"),
        ({"client_request": "a" * 129}, "give 1 to 128 printable ASCII"),
        ({"client_request": ""}, "client_request = ''"),
        ({"client_request": "a\nb"}, "printable ASCII"),
        ({"client_request": "é"}, "printable ASCII"),
        ({"stop": "a" * 300}, "stop = 'aaa"),
        ({"vote": 3}, "vote = 3"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(given: Any, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        SolveOptions(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stop": "soon"}, "there is no stop 'soon'; known: .*never"),
        ({"stop": "lead:many"}, "stop 'lead:many'"),
        ({"stop": "never:2"}, "sets no option; it takes none"),
        ({"vote": "best"}, "there is no vote 'best'; known: .*majority"),
    ],
)
async def test_an_unknown_rule_or_vote_is_refused_before_anything_starts(
    given: Any, message: str
) -> None:
    engine = ReplayEngine(lambda prompt: "4")
    known = registry()
    with pytest.raises(ProblemError, match=message):
        await Solver(engine, None, known).solve(
            Problem("1?"), load_recipe(toml(), known), SolveOptions(**given)
        )
    assert not engine.sampled


class Settled(ReplayEngine):
    """Answer 4, by sampling of its own."""

    sampling = {"temperature": 0.25, "top_k": 20}  # noqa: RUF012 - as plain as an engine's may be


@pytest.mark.parametrize("port", [lambda engine: engine, RecordingEngine])
async def test_an_engines_sampling_stands_between_the_recipes_and_the_callers(port: Any) -> None:
    engine = Settled(lambda prompt: "\\boxed{4}")
    box = FakeBox(lambda code: "")
    solver = Solver({"reasoner": port(engine)}, box, Registry.load(allowed=()))
    await solver.solve(Problem("2 + 2?"), "vote", SolveOptions(chains=1, temperature=0.5))
    given = engine.sampled[0].sampling
    assert given is not None
    assert (given.temperature, given.top_k) == (0.5, 20)
