"""Turn prompts into vLLM's requests and its outputs into statistics, for every way it is run.

vLLM is imported inside the functions: only model replicas have it.
"""

from collections.abc import Sequence
from typing import Any

from votebox.plugins import LogprobStats, Prompt, PromptTooLong
from votebox.plugins.confidence import token_statistics

__all__ = ["logprob_statistics", "render", "room_for", "sampling_params"]


def render(tokenizer: Any, prompt: Prompt) -> list[int]:
    """Return a prompt's tokens: the chat template, then the reply as far as it is begun.

    The beginning follows the template's own opening of a reply letter by letter, so that
    what the engine wrote before is the prefix it has cached, thinking and all.
    """
    *said, last = [{"role": m.role, "content": m.content} for m in prompt.messages]
    begun = last["content"] if last["role"] == "assistant" else ""
    messages = said if last["role"] == "assistant" else [*said, last]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    ids: list[int] = tokenizer.encode(text + begun, add_special_tokens=False)
    return ids


def room_for(model: str, context: int, rendered: Sequence[Sequence[int]]) -> list[int]:
    """Return what a context of `context` tokens leaves for each reply.

    Raises:
        PromptTooLong: it leaves nothing for any of them.
    """
    room = [context - len(ids) for ids in rendered]
    if max(room) <= 0:
        problem = f"the prompt has {context - max(room)} tokens and the context holds {context}"
        raise PromptTooLong(model, problem, "shorten the question or raise max_model_len")
    return room


def sampling_params(prompt: Prompt, room: int) -> Any:
    """Return vLLM's sampling parameters; `room` is what the context leaves, in tokens."""
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    given = prompt.sampling
    if given is None:
        raise ValueError("a prompt came without sampling")
    return SamplingParams(
        temperature=given.temperature,
        top_p=given.top_p,
        top_k=given.top_k,
        min_p=given.min_p,
        seed=prompt.seed,
        max_tokens=min(given.max_tokens or room, room),
        stop=list(given.stop),
        include_stop_str_in_output=given.include_stop_str_in_output,
        repetition_penalty=given.repetition_penalty,
        presence_penalty=given.presence_penalty,
        frequency_penalty=given.frequency_penalty,
        skip_special_tokens=given.skip_special_tokens,
        logprobs=given.top_logprobs or (0 if given.logprobs else None),
        flat_logprobs=True,  # an object for each token and alternative would cost more
        output_kind=RequestOutputKind.DELTA,  # cumulative text would copy O(n^2)
    )


def logprob_statistics(flat: Any) -> LogprobStats:
    """Return the statistics of vLLM's FlatLogprobs: of each token its own, then the top."""
    places = zip(flat.start_indices, flat.end_indices, strict=True)
    tokens = (flat.logprobs[start:end] for start, end in places)
    return sum((token_statistics(own, top) for own, *top in tokens), LogprobStats())
