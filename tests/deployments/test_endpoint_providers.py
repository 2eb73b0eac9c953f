"""What providers behind an endpoint do wrong is told apart from what the model says."""

import pickle
from typing import Any

import pytest
from endpoints import Endpoint, serving

from votebox.deployments import EndpointEngine
from votebox.deployments.endpoint_rules import EndpointRules
from votebox.plugins import (
    Delta,
    Event,
    Message,
    Problem,
    Prompt,
    ProviderError,
    ProviderFailed,
    Registry,
    Sampling,
    Solver,
    VerdictReached,
    to_wire,
)

BROKEN = ({"error": {"code": 502, "message": "Upstream has no capacity"}},)
HALF = (
    {"choices": [{"index": 0, "delta": {"content": "The answer is"}, "finish_reason": None}]},
    {"error": {"code": 502, "message": "Upstream broke off"}, "choices": []},
)
ASKED = Prompt((Message("user", "hi"),), Sampling(), 1)


async def sampled(endpoint: Endpoint, key_env: str = "", **rules: Any) -> list[Delta]:
    with serving(endpoint) as url:
        made = EndpointRules.model_validate(rules)
        async with EndpointEngine(f"{url}/v1", key_env=key_env, rules=made) as engine:
            return [d async for batch in engine.sample([ASKED]) for d in batch]


def said(deltas: list[Delta]) -> str:
    return "".join(d.text for d in deltas)


async def test_the_provider_that_answers_is_told_with_every_delta() -> None:
    deltas = await sampled(Endpoint(reply=lambda _: "4", providers=("Parasail",)))
    assert {d.provider for d in deltas} == {"Parasail"}


async def test_routing_and_extra_fields_go_out_as_given() -> None:
    routing = {"order": ["Parasail"], "allow_fallbacks": False, "quantizations": ["bf16"]}
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    endpoint = Endpoint(reply=lambda _: "4")
    await sampled(endpoint, provider=routing, extra=extra)
    (body,) = endpoint.bodies
    assert body["provider"] == routing
    assert body["chat_template_kwargs"] == extra["chat_template_kwargs"]
    assert body["messages"] == [{"role": "user", "content": "hi"}]


async def test_a_blocked_provider_is_left_out_when_it_has_answered() -> None:
    endpoint = Endpoint(reply=lambda _: "4", providers=("Novita AI", "Parasail"))
    deltas = await sampled(endpoint, block=["novita-ai"], provider={"ignore": ["Mancer"]})
    assert said(deltas) == "4"
    (setback,) = [d for d in deltas if d.setback]
    assert setback.provider == "Novita AI"
    assert "block list" in setback.setback
    assert [body["provider"]["ignore"] for body in endpoint.bodies] == [
        ["Mancer"],
        ["Mancer", "Novita AI"],
    ]


async def test_a_blocked_provider_that_answers_always_is_a_named_failure() -> None:
    endpoint = Endpoint(reply=lambda _: "4", providers=("Mancer",))
    endpoint._provider = lambda body: "Mancer"  # type: ignore[method-assign]
    deltas = await sampled(endpoint, block=["Mancer"])
    error = deltas[-1].error
    assert isinstance(error, ProviderError)
    assert (error.provider, said(deltas)) == ("Mancer", "")
    assert "provider.ignore" in error.fix
    assert len(endpoint.bodies) == 4


async def test_a_provider_that_fails_before_its_first_word_is_asked_again() -> None:
    endpoint = Endpoint(
        reply=lambda _: "4", providers=("Broken", "Parasail"), failing={"Broken": BROKEN}
    )
    deltas = await sampled(endpoint)
    assert said(deltas) == "4"
    assert [d.provider for d in deltas if d.setback] == ["Broken"]


async def test_a_provider_that_fails_in_mid_reply_ends_the_chain() -> None:
    deltas = await sampled(Endpoint(providers=("Broken",), failing={"Broken": HALF}))
    error = deltas[-1].error
    assert isinstance(error, ProviderError)
    assert error.provider == "Broken"
    assert said(deltas) == "The answer is"


async def test_a_reply_that_ends_in_an_error_is_no_reply() -> None:
    end = ({"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]},)
    deltas = await sampled(Endpoint(providers=("Broken",), failing={"Broken": (*HALF[:1], *end)}))
    assert isinstance(deltas[-1].error, ProviderError)


async def test_a_key_that_the_server_repeats_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ROLE_KEY", "sk-very-secret")
    failing = {"Odd": ({"error": {"message": "Incorrect API key: sk-very-secret"}},)}
    deltas = await sampled(Endpoint(providers=("Odd",), failing=failing), key_env="ROLE_KEY")
    assert "[ROLE_KEY]" in str(deltas[-1].error)
    assert "sk-very-secret" not in f"{deltas}{caplog.text}"


async def test_a_solve_tells_of_providers_apart_from_text_and_keeps_who_answered() -> None:
    registry = Registry.load()
    recipe = registry.recipe("vote")
    endpoint = Endpoint(
        reply=lambda _: "\\boxed{4}",
        providers=("Broken", "Parasail"),
        failing={"Broken": BROKEN},
    )
    with serving(endpoint) as url:
        table = EndpointRules(sampling={"temperature": 0.25})
        async with EndpointEngine(f"{url}/v1", rules=table) as engine:
            solver = Solver({"reasoner": engine}, _NoBox(), registry)
            events: list[Event] = [e async for e in solver.events(Problem("2 + 2?"), recipe)]
    told = [e for e in events if isinstance(e, ProviderFailed)]
    assert told
    assert {(e.node, e.provider, e.again) for e in told} == {("think", "Broken", True)}
    assert to_wire(told[0])["type"] == "provider_failed"
    assert isinstance(events[-1], VerdictReached)
    verdict = events[-1].verdict
    assert verdict.answer == "4"
    chain = next(c for c in verdict.chains if not c.aborted)
    assert chain.completions[0].provider == "Parasail"
    sampling = chain.calls[0].prompt.sampling
    assert sampling is not None
    assert sampling.temperature == endpoint.bodies[0]["temperature"] == 0.25
    wire = to_wire(events[-1])["verdict"]["chains"][chain.index]
    assert wire["completions"][0]["provider"] == "Parasail"


class _NoBox:
    async def run(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("no program was written")


def test_the_failure_of_a_provider_crosses_a_process_wall_whole() -> None:
    error = ProviderError("m", "failed", "wait", "Mancer")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (again.provider, str(again)) == ("Mancer", str(error))


@pytest.mark.parametrize(
    "error",
    [
        {"message": "x" * 485 + " sk-0123456789abcdef"},  # messages are cut at 500 characters
        {"message": "no credit", "metadata": {"provider_name": "sk-0123456789abcdef"}},
    ],
)
async def test_a_key_that_a_server_repeats_is_nowhere_not_even_in_part(
    error: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VOTEBOX_TEST_KEY", "sk-0123456789abcdef")
    endpoint = Endpoint(providers=("Broken",), failing={"Broken": ({"error": error},)})
    deltas = await sampled(endpoint, key_env="VOTEBOX_TEST_KEY")
    assert isinstance(deltas[-1].error, ProviderError)
    assert "sk-01234" not in f"{deltas} {caplog.text} {deltas[-1].error}"


@pytest.mark.parametrize("name", ["content", "reasoning"])
async def test_what_is_no_text_is_a_named_failure_and_goes_no_further(name: str) -> None:
    event = {"choices": [{"delta": {name: [{"type": "text", "text": "4"}]}}]}
    endpoint = Endpoint(providers=("Broken",), failing={"Broken": (event,)})
    deltas = await sampled(endpoint)
    assert all(isinstance(d.text, str) and isinstance(d.reasoning, str) for d in deltas)
    assert "holds no text" in str(deltas[-1].error)
