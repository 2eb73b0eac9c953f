"""Say by which rules a model behind an endpoint is asked: context, sampling, providers, price.

pydantic at the edge: a table of an endpoint file (endpoint_roles.py) or of a preset's model.
Knows no connection and no key.
"""

import json
import re
from collections.abc import Collection
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from votebox.plugins import ProblemError, read_sampling

__all__ = ["EndpointRules", "Price", "ProviderTable", "is_blocked"]

MAX_CONTEXT: Final = 10_000_000
"""More tokens than this is a slip of the pen."""

_OWN_FIELDS: Final = frozenset(
    {"model", "messages", "stream", "stream_options", "provider", "api_key", "authorization"}
)
"""Fields of a request that `extra` must not hold: votebox sets them, or they are secrets."""

_NO_NAME: Final = re.compile(r"[^a-z0-9]++")

type Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProviderTable(_Table):
    """Hold OpenRouter's `provider` field, sent as it is given.

    https://openrouter.ai/docs/features/provider-routing lists them.
    """

    order: list[Name] | None = None
    only: list[Name] | None = None
    ignore: list[Name] | None = None
    allow_fallbacks: bool | None = None
    require_parameters: bool | None = None
    quantizations: list[Name] | None = None

    @property
    def body(self) -> dict[str, Any]:
        """Return the fields that were given, as a request has them."""
        return self.model_dump(exclude_none=True)


class Price(_Table):
    """Hold what a million tokens cost, in one currency."""

    prompt: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    completion: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return what these tokens cost.

        >>> Price(prompt=0.5, completion=2.0).of(1_000_000, 500_000)
        1.5
        """
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


class EndpointRules(_Table):
    """Say how the model behind an endpoint is asked, and what it must hold.

    `context_min` is what prompt and longest answer take together, in tokens; 0 asks for
    nothing. With `probe` it is measured before the first question. `sampling` goes before
    the recipe's; `extra` is added to the body of each request. `block` names providers whose
    replies are not taken.
    """

    context_min: Annotated[int, Field(ge=0, le=MAX_CONTEXT)] = 0
    probe: bool = True
    sampling: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    provider: ProviderTable | None = None
    block: list[Name] = []
    price: Price | None = None

    @field_validator("sampling")
    @classmethod
    def _fits_a_model(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Refuse what no sampling is."""
        try:
            read_sampling(table)
        except ProblemError as e:
            raise ValueError(str(e)) from e
        return {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}

    @field_validator("extra")
    @classmethod
    def _leaves_ours_alone(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Refuse fields that are set elsewhere."""
        if ours := sorted(_OWN_FIELDS & {name.casefold() for name in table}):
            raise ValueError(f"{', '.join(ours)} cannot stand in extra; take it out")
        try:
            json.dumps(table, allow_nan=False)
        except (TypeError, ValueError) as e:
            raise ValueError(f"extra holds what no JSON has: {e}") from e
        return table

    def request(self, blocked: Collection[str] = ()) -> dict[str, Any]:
        """Return what every request has besides the question.

        `blocked` are providers that answered although they must not: an endpoint that names
        its providers is told to leave them out.
        """
        provider = self.provider.body if self.provider else {}
        if blocked:
            provider["ignore"] = list(dict.fromkeys([*provider.get("ignore", ()), *blocked]))
        return {**self.extra, **({"provider": provider} if provider else {})}


def is_blocked(provider: str, block: Collection[str]) -> bool:
    """Return whether a block list names a provider, whatever its case, blanks and hyphens.

    >>> is_blocked("Novita AI", ["novita-ai"]), is_blocked("", ["Mancer"])
    (True, False)
    """
    return bool(provider) and _plain(provider) in {_plain(name) for name in block}


def _plain(name: str) -> str:
    return _NO_NAME.sub("", name.casefold())
