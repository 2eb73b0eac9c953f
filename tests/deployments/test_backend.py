"""The port between HTTP and the solver, in this process: no Ray, no HTTP."""

import pytest
from contract import plugin, registry, toml
from fake_app import serving
from ray.exceptions import ActorDiedError, RayTaskError
from ray.serve.exceptions import BackPressureError

from votebox.deployments.backend import LocalBackend, ServeBackend
from votebox.deployments.openai_errors import ApiError
from votebox.deployments.solver import SolverDeployment
from votebox.plugins import (
    EngineError,
    Message,
    ProblemError,
    RecipeError,
    Recorded,
    ReplayEngine,
    Sampling,
    Solver,
)
from votebox.plugins.seeds import derive_seed

HELLO = [{"role": "user", "content": "Hello"}]


def backend(reply=lambda prompt: "It is 4", **options) -> tuple[LocalBackend, ReplayEngine]:
    engine = ReplayEngine(reply, model="tiny")
    solver = Solver(engine, None, registry(small()))
    return LocalBackend(solver, recipe="small", models={"tiny": engine}, **options), engine


def small():
    return plugin(register_recipes=lambda register: register(toml()))


async def whole(batches) -> dict[int, dict]:
    """Return each choice's items added up."""
    choices: dict[int, dict] = {}
    async for batch in batches:
        for item in batch:
            kept = choices.setdefault(item["choice"], dict.fromkeys(item))
            for name in ("text", "reasoning", "tokens", "prompt_tokens"):
                kept[name] = item[name] if kept[name] is None else kept[name] + item[name]
            kept["finish_reason"] = item["finish_reason"]
    return choices


async def test_info_tells_each_recipe_whole():
    told = await backend()[0].info()
    assert (told["default"], told["models"]) == ("small", ["tiny"])
    small = told["recipes"]["small"]
    assert (small["chains"], small["rounds"], small["models"]) == (4, 1, {"reasoner": "tiny"})
    assert small["svg"].startswith("<svg")
    assert len(small["hash"]) == 12
    assert told["recipes"]["vote"]["description"]


async def test_a_role_that_no_model_serves_is_told_as_such():
    engine = ReplayEngine(lambda prompt: "")
    told = await LocalBackend(Solver({"editor": engine}, None)).info()
    assert told["recipes"]["vote"]["models"] == {"reasoner": None}


async def test_an_unknown_default_recipe_shows_at_start():
    with pytest.raises(RecipeError, match="no such recipe"):
        LocalBackend(Solver(ReplayEngine(lambda prompt: ""), None), recipe="nothing")


async def test_events_of_a_solve_end_with_its_verdict():
    events = [e async for b in backend()[0].solve_events({"question": "2 + 2?"}) for e in b]
    assert events[0]["type"] == "solve_started"
    assert events[-1]["type"] == "verdict_reached"
    assert events[-1]["verdict"]["answer"] == "4"


async def test_closing_the_events_aborts_the_chains():
    served, engine = backend(lambda prompt: Recorded("word " * 1000, pause_s=0.01))
    batches = served.solve_events({"question": "2 + 2?"})
    await anext(batches)
    while not engine.sampled:
        await anext(batches)
    await batches.aclose()
    assert len(engine.aborted) == len(engine.sampled) == 4


async def test_a_raw_model_gets_messages_sampling_and_seeds():
    served, engine = backend()
    sampling = {"temperature": 0.5, "stop": ["END"], "max_tokens": 9}
    messages = [{"role": "developer", "content": "Be brief."}, *HELLO]
    asked = {"model": "tiny", "messages": messages, "n": 3, "sampling": sampling, "seed": 7}
    choices = await whole(served.complete(asked))
    assert [prompt.seed for prompt in engine.sampled] == [7, derive_seed(7, 1), derive_seed(7, 2)]
    first = engine.sampled[0]
    assert first.messages == (Message("system", "Be brief."), Message("user", "Hello"))
    assert first.sampling == Sampling(temperature=0.5, stop=("END",), max_tokens=9)
    assert sorted(choices) == [0, 1, 2]
    assert {c["text"] for c in choices.values()} == {"It is 4"}
    assert {c["finish_reason"] for c in choices.values()} == {"stop"}


async def test_reasoning_tokens_and_reasons_come_as_the_model_gives_them():
    served, _ = backend(lambda prompt: Recorded("So 4", "Hm.", "length", 6, 11))
    (choice,) = (await whole(served.complete({"model": "tiny", "messages": HELLO}))).values()
    assert choice["text"] == "So 4"
    assert choice["reasoning"] == "Hm."
    assert (choice["tokens"], choice["prompt_tokens"]) == (6, 11)
    assert choice["finish_reason"] == "length"


async def test_without_a_seed_each_request_draws_another():
    served, engine = backend()
    for _ in range(2):
        await whole(served.complete({"model": "tiny", "messages": HELLO}))
    first, second = (prompt.seed for prompt in engine.sampled)
    assert None not in (first, second)
    assert first != second


async def test_closing_a_raw_request_aborts_every_choice():
    served, engine = backend(lambda prompt: Recorded("word " * 1000, pause_s=0.01))
    batches = served.complete({"model": "tiny", "messages": HELLO, "n": 2})
    await anext(batches)
    await batches.aclose()
    assert len(engine.aborted) == 2


async def test_a_failing_model_fails_the_request():
    def reply(prompt):
        raise EngineError("tiny", "is broken")

    with pytest.raises(EngineError, match="is broken"):
        await whole(backend(reply)[0].complete({"model": "tiny", "messages": HELLO}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "other"}, "no model 'other'; known: tiny"),
        ({"n": 0}, "n: .*greater than or equal to 1"),
        ({"n": 129}, "n: .*less than or equal to 128"),
        ({"seed": -1}, "seed"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "4"}]}, "role 'tool'"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "calls tools"),
        ({"messages": [{"role": "user", "content": "1" * 200_000}]}, "200,000 characters"),
        ({"sampling": {"top_p": 0}}, "top_p = 0; .*greater than 0"),
        ({"sampling": {"heat": 1}}, "sampling has no 'heat'; known: temperature"),
        ({"chains": 3}, "unknown key 'chains'"),
    ],
)
async def test_a_wrong_raw_request_is_refused_by_name(change, message):
    served, engine = backend()
    with pytest.raises(ProblemError, match=message):
        await whole(served.complete({"model": "tiny", "messages": HELLO, **change}))
    assert not engine.sampled


class FakeResponse:
    """Be the response of a Serve handle: batches, then perhaps an error."""

    def __init__(self, batches, error=None) -> None:
        self._batches, self._error = batches, error
        self.cancelled = False

    async def __aiter__(self):
        for batch in self._batches:
            yield batch
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        self.cancelled = True


class FakeHandle:
    """Be the handle of a SolverDeployment whose every stream is `response`."""

    def __init__(self, response: FakeResponse) -> None:
        self.asked: list[dict] = []
        self.solve_events = self.complete = self.info = self
        self._response = response

    def options(self, *, stream: bool) -> "FakeHandle":
        return self

    def remote(self, request: dict, caller: str = "") -> FakeResponse:
        assert not caller  # a test is no replica
        self.asked.append(request)
        return self._response


@pytest.mark.parametrize("call", ["solve_events", "complete"])
async def test_over_serve_a_reader_that_goes_cancels_the_response(call):
    response = FakeResponse([[{"n": 1}], [{"n": 2}]])
    handle = FakeHandle(response)
    batches = getattr(ServeBackend(handle), call)({"question": "1?"})
    assert await anext(batches) == [{"n": 1}]
    assert handle.asked == [{"question": "1?"}]
    assert not response.cancelled
    await batches.aclose()
    assert response.cancelled


async def test_over_serve_an_error_of_ours_comes_out_of_rays_wrapping():
    cause = ProblemError("the question is empty", "write a question")
    wrapped = RayTaskError("solve_events", "Traceback", cause)
    response = FakeResponse([], wrapped)
    with pytest.raises(ProblemError, match="write a question"):
        await anext(ServeBackend(FakeHandle(response)).solve_events({}))
    assert response.cancelled


@pytest.mark.parametrize(
    ("error", "status"), [(ActorDiedError(), 503), (BackPressureError(1, 2), 429)]
)
async def test_over_serve_dead_replicas_and_full_queues_are_told_as_clients_read_them(
    error, status
):
    with pytest.raises(ApiError) as caught:
        await anext(ServeBackend(FakeHandle(FakeResponse([], error))).complete({}))
    assert caught.value.status == status
    assert int(caught.value.headers["retry-after"]) > 0


async def test_an_endpoint_without_a_models_name_gets_the_name_its_server_tells():
    def answer(what, body):
        return 200, {"object": "list", "data": [{"id": "found", "object": "model"}]}

    with serving(answer) as url:
        settings = {"url": f"{url}/v1", "model": "", "key_env": "VOTEBOX_TEST_NO_KEY"}
        made = SolverDeployment.func_or_class({}, {"reasoner": settings}, None, "vote")
        told = await made.info()
    assert told["models"] == ["found"]
    assert told["recipes"]["vote"]["models"] == {"reasoner": "found"}


async def test_an_endpoint_whose_model_nobody_knows_is_no_raw_model():
    settings = {"url": "http://127.0.0.1:9/v1", "model": "", "key_env": "VOTEBOX_TEST_NO_KEY"}
    made = SolverDeployment.func_or_class({}, {"reasoner": settings}, None, "vote")
    assert (await made.info())["models"] == []
    with pytest.raises(ProblemError, match="no model 'http://127.0.0.1:9/v1'; known: none"):
        await anext(made.complete({"model": "http://127.0.0.1:9/v1", "messages": HELLO}))
