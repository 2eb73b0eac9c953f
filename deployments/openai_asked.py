"""Turn the options of a checked request into the fields of a solve, or of a raw sampling."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from votebox.deployments.openai_checking import shown
from votebox.deployments.openai_errors import bad_field
from votebox.deployments.openai_models import PREFIX
from votebox.deployments.openai_schema import Shared, VoteboxOptions

__all__ = ["REFUSALS", "recipe_of", "sampling_of", "solve_options", "with_headers"]

HEADER: Final = "x-votebox-"

SAMPLED: Final = (
    "temperature",
    "top_p",
    "min_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
)
"""The fields of a request that a model's sampling takes as they are."""

OUTSIDE: Final = frozenset({"recipe", "events", "return_candidates"})
"""The keys of `votebox` that are not an option of the solve: model, and form of the reply."""

NO_HEADER: Final = frozenset({"files", "readonly", "tests"})
"""The keys of `votebox` that a header cannot hold."""

TOOLS: Final = "tools cannot be called: recipes run their Python themselves"
PLAIN: Final = "replies are plain text: leave it out"

REFUSALS: Final[Mapping[str, str]] = {
    "audio": PLAIN,
    "cache_salt": "the prefix cache cannot be parted by request: leave it out",
    "chat_template_kwargs": "the chat template takes no arguments from requests: leave it out",
    "function_call": TOOLS,
    "functions": TOOLS,
    "logit_bias": "logits cannot be biased: leave it out",
    "logprobs": "log-probabilities are not returned: leave it out",
    "modalities": 'replies are text: leave it out or give ["text"]',
    "response_format": PLAIN,
    "thinking_token_budget": "thinking cannot be bounded apart: give max_completion_tokens",
    "tool_calls": TOOLS,
    "tool_choice": TOOLS,
    "tools": TOOLS,
    "top_logprobs": "log-probabilities are not returned: leave it out",
    "web_search_options": "nothing is searched: leave it out",
}
"""Fields that no reply here can honour, and what to do about it."""


def sampling_of(asked: Shared) -> dict[str, Any]:
    """Return what a request says about sampling, by the names of Sampling, but `stop`."""
    told = {name: getattr(asked, name) for name in SAMPLED}
    if asked.top_k is not None:
        told["top_k"] = max(0, asked.top_k)  # vLLM's -1 and 0 both ask for all tokens
    return {name: value for name, value in told.items() if value is not None}


def solve_options(asked: Shared) -> dict[str, Any]:
    """Return the fields of SolveRequest that a request sets, but the messages."""
    ours = asked.votebox.model_dump(exclude_none=True) if asked.votebox else {}
    kept = {name: value for name, value in ours.items() if name not in OUTSIDE}
    told = {"recipe": recipe_of(asked), "seed": seed_of(asked), "stop_strings": stops_of(asked)}
    chosen = {name: value for name, value in told.items() if value is not None and value != []}
    return {**sampling_of(asked), **chosen, **kept}


def recipe_of(asked: Shared) -> str:
    """Return the recipe that `model` names; raise ApiError where `votebox` names another."""
    recipe = asked.model.removeprefix(PREFIX)
    named = asked.votebox.recipe if asked.votebox else None
    if named not in (None, recipe):
        message = f"votebox.recipe = {shown(named)}, but the model is {shown(asked.model)}"
        raise bad_field("votebox.recipe", f"{message}: name one recipe")
    return recipe


def seed_of(asked: Shared) -> int | None:
    """Return the seed; a negative one, legal for OpenAI, counts from 2^63 downwards."""
    return None if asked.seed is None else asked.seed % 2**63


def stops_of(asked: Shared) -> list[str]:
    """Return the texts at which a reply of a chain ends."""
    stop = asked.stop or []
    return [stop] if isinstance(stop, str) else list(stop)


def with_headers(given: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """Return a request with the `x-votebox-*` headers in its `votebox` object, which wins.

    Raises:
        ApiError: 400, naming the header that is unknown or has a value it cannot have.
    """
    told: dict[str, Any] = {}
    for header, text in headers.items():
        name = header.lower()
        if name.startswith(HEADER):
            key = name.removeprefix(HEADER).replace("-", "_")
            told[key] = _value(name, key, text)
    if not told:
        return dict(given)
    ours = given.get("votebox")
    if ours is not None and not isinstance(ours, Mapping):
        return dict(given)  # an error that its own check tells better
    said = {key: value for key, value in (ours or {}).items() if value is not None}
    return {**given, "votebox": {**told, **said}}


def _value(header: str, key: str, text: str) -> Any:
    """Return what a header says, as the type its option has."""
    names = [name for name in VoteboxOptions.model_fields if name not in NO_HEADER]
    if key not in names:
        known = ", ".join(HEADER + name.replace("_", "-") for name in names)
        raise bad_field(header[:80], f"unknown header {shown(header)}; known: {known}")
    try:
        return getattr(VoteboxOptions.model_validate_strings({key: text.strip()}), key)
    except ValidationError as e:
        said = e.errors(include_url=False)[0]["msg"].lower()
        raise bad_field(header, f"{header}: {said}, not {shown(text)}") from e
