"""Against real servers that cut prompts in silence, refuse them, or read them whole."""

from typing import Any

import pytest
from endpoints import Endpoint, serving

from votebox.deployments import EndpointEngine
from votebox.deployments.endpoint_probe import Asked, Context, measure_context, probe_prompt
from votebox.deployments.endpoint_rules import EndpointRules
from votebox.plugins import ContextTooSmall, Message, Prompt, Sampling


def rules(**given: Any) -> EndpointRules:
    return EndpointRules.model_validate({"context_min": 8000, **given})


async def started(endpoint: Endpoint, **given: Any) -> Context | None:
    with serving(endpoint) as url:
        async with EndpointEngine(f"{url}/v1", rules=rules(**given)) as engine:
            return engine.context


async def test_a_context_as_large_as_asked_takes_one_request() -> None:
    endpoint = Endpoint(context=8000)
    context = await started(endpoint)
    assert context is not None
    assert (context.state, len(endpoint.bodies)) == ("holds", 1)
    assert 7000 < context.tokens < 8000


@pytest.mark.parametrize(
    ("endpoint", "least", "most", "how"),
    [
        (Endpoint(context=2048), 2048, 2048, "in silence"),
        (Endpoint(context=2048, counts=False), 1700, 2048, "in silence"),
        (Endpoint(context=2048, refuses=True), 1700, 2048, "refuses more"),
        (Endpoint(model={"id": "fake", "max_model_len": 4096}), 4096, 4096, "refuses more"),
    ],
    ids=["cut and counted", "cut and not counted", "refused", "listed"],
)
async def test_a_smaller_one_is_refused_with_the_number_measured(
    endpoint: Endpoint, least: int, most: int, how: str
) -> None:
    with pytest.raises(ContextTooSmall, match=how) as caught:
        await started(endpoint)
    told = str(caught.value)
    measured = int(told.split("reads about ")[1].split(maxsplit=1)[0].replace(",", ""))
    assert least <= measured <= most
    assert "8,000 tokens" in told
    assert "num_ctx" in told
    assert len({body["messages"][0]["content"] for body in endpoint.bodies}) <= 7


async def test_a_model_that_repeats_nothing_is_used_unmeasured() -> None:
    context = await started(Endpoint(reply=lambda _: "hm"))
    assert context == Context("unknown", 0)


async def test_a_probe_may_be_left_out() -> None:
    endpoint = Endpoint(context=2048)
    assert await started(endpoint, probe=False) is None
    assert not endpoint.bodies


async def test_an_engine_that_nobody_started_measures_before_its_first_chain() -> None:
    """An app's engines are never started by hand."""
    prompt = Prompt((Message("user", "hi"),), Sampling(), 1)
    with serving(Endpoint(context=2048)) as url:
        engine = EndpointEngine(f"{url}/v1", model="fake", rules=rules())
        deltas = [d async for batch in engine.sample([prompt, prompt]) for d in batch]
        await engine.close()
    assert [type(d.error) for d in deltas] == [ContextTooSmall] * 2


async def test_a_head_that_is_read_does_not_hide_a_hole_in_the_middle() -> None:
    async def ask(prompt: Prompt) -> Asked:
        text = prompt.messages[-1].content
        return Asked(text[:200], prompt_tokens=min(3000, len(text.split())))

    assert await measure_context(ask, 8000) == Context("cut", 3000)


def test_the_number_of_one_length_is_not_that_of_another() -> None:
    heads = {probe_prompt(words).messages[0].content[:70] for words in range(100, 120)}
    assert len(heads) == 20
