"""Turn prompts into vLLM's requests and its outputs into deltas, for every way it is run.

vLLM is imported inside the functions: only model replicas have it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from votebox.plugins import Delta, LogprobStats, Prompt, PromptTooLong
from votebox.plugins.confidence import token_statistics

if TYPE_CHECKING:
    from vllm.outputs import RequestOutput

__all__ = ["ChainOutput", "logprob_statistics", "render", "room_for", "sampling_params"]


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


@dataclass(slots=True)
class ChainOutput:
    """Gather what vLLM gives of one chain, `request` its name there, between two batches."""

    chain: int
    request: str
    prompt_tokens: int
    text: list[str] = field(default_factory=list)
    tokens: int = 0
    logprobs: LogprobStats | None = None
    finish_reason: str | None = None

    @property
    def fresh(self) -> bool:
        """Return whether there is something to take."""
        return bool(self.tokens or self.finish_reason or any(self.text))

    def add(self, output: "RequestOutput", llm: Any) -> None:
        """Add what the engine `llm` gave, read once and not kept there."""
        piece = output.outputs[0]
        self.text.append(piece.text)
        self.tokens += len(piece.token_ids)
        if piece.logprobs:
            self.logprobs = (self.logprobs or LogprobStats()) + logprob_statistics(piece.logprobs)
            _spare_logprobs(llm, self.request)
        if output.finished:
            reason = piece.finish_reason
            self.finish_reason = reason if reason in ("stop", "length") else "abort"

    def take(self) -> Delta:
        """Return what was gathered and begin anew."""
        delta = Delta(
            self.chain,
            "".join(self.text),
            self.tokens,
            self.prompt_tokens,
            logprobs=self.logprobs,
            finish_reason=self.finish_reason,
        )
        self.text, self.tokens, self.prompt_tokens, self.logprobs = [], 0, 0, None
        return delta


def _spare_logprobs(llm: Any, request: str) -> None:
    """Have vLLM decode no alternatives of a request from now on, and drop those it holds.

    It keeps all of them until the chain ends, with their strings: kilobytes a token.
    Nobody reads either again, since an output carries what is new alone. None of this is
    public in vLLM; test_engine_embedded.py holds it.
    """
    known = llm.output_processor
    for name in known.external_req_ids.get(request, ()):
        processor = known.request_states[name].logprobs_processor
        processor.tokenizer = None
        processor.logprobs = type(processor.logprobs)()
