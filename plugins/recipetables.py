"""Declare what the tables of a recipe file may hold, and within which bounds.

pydantic at the edge: loader.py makes nouns of these. `read_sampling` checks a table of
sampling from elsewhere, as a request's, by the same bounds.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from votebox.plugins.errors import ProblemError
from votebox.plugins.nouns import Sampling
from votebox.plugins.recipe import DEFAULT_RESTARTS, MAX_CHAINS

__all__ = ["RawBudget", "RawRecipe", "RawSampling", "RawStep", "read_sampling"]

_NodeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class RawBudget(BaseModel):
    """Bound what `[budget]` holds."""

    model_config = ConfigDict(extra="forbid", strict=True)
    deadline_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_total_tokens: int | None = Field(default=None, gt=0)
    max_sandbox_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class RawStep(BaseModel):
    """Bound what a `[[ladder]]` table holds."""

    model_config = ConfigDict(extra="forbid", strict=True)
    below_s: float = Field(gt=0, allow_inf_nan=False)
    chains: int | None = Field(default=None, ge=1, le=MAX_CHAINS)
    max_tokens: int | None = Field(default=None, gt=0, le=10_000_000)
    stop: dict[str, Any] | None = None


class RawRecipe(BaseModel):
    """Bound the keys of a recipe itself; what a node holds is its plugin's affair."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)
    description: str = ""
    chains: int = Field(default=1, ge=1, le=MAX_CHAINS)
    rounds: int = Field(default=1, ge=1, le=64)
    restarts: int = Field(default=DEFAULT_RESTARTS, ge=0, le=8)
    policy: str | dict[str, Any] = "rational"
    nodes: dict[_NodeName, dict[str, Any]] = Field(min_length=1, max_length=256)
    stop: dict[str, Any] = {"use": "stop:never"}
    dispatch: dict[str, Any] = {"use": "dispatch:all"}
    guards: list[dict[str, Any]] = []
    budget: RawBudget = RawBudget()
    ladder: list[RawStep] = Field(default=[], max_length=32)
    answered_by: list[str] | None = None


class RawSampling(BaseModel):
    """Bound what `sampling` holds; the names are those of Sampling."""

    model_config = ConfigDict(extra="forbid", strict=True)
    temperature: float = Field(default=1.0, ge=0, le=10)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0, le=10_000_000)
    min_p: float = Field(default=0.0, ge=0, le=1)
    max_tokens: int | None = Field(default=None, gt=0, le=10_000_000)
    stop: tuple[str, ...] = ()
    repetition_penalty: float = Field(default=1.0, gt=0, le=100)
    presence_penalty: float = Field(default=0.0, ge=-2, le=2)
    frequency_penalty: float = Field(default=0.0, ge=-2, le=2)
    skip_special_tokens: bool = True
    logprobs: bool = False
    include_stop_str_in_output: bool = False
    top_logprobs: int = Field(default=0, ge=0, le=20)


def read_sampling(table: Mapping[str, Any]) -> Sampling:
    """Return the sampling a table asks for; raise ProblemError naming the value.

    >>> read_sampling({"top_p": 2})
    Traceback (most recent call last):
    votebox.plugins.errors.ProblemError: top_p = 2; input should be less than or equal to 1
    """
    try:
        # JSON, because a tuple is a list where the table comes from.
        raw = RawSampling.model_validate_json(json.dumps(dict(table)))
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(RawSampling.model_fields)
            raise ProblemError(f"sampling has no {name!r:.80}", f"known: {known}") from e
        said = first["msg"][:1].lower() + first["msg"][1:]
        raise ProblemError(f"{name} = {first['input']!r:.80}", said) from e
    except (TypeError, ValueError) as e:
        raise ProblemError(f"sampling has a value that does not fit: {e}") from e
    return Sampling(**raw.model_dump())
