"""Describe what replies hold, as the JSON schemas of the OpenAPI document.

What has a type of its own (events, executions, requests) is read off that type; replies
are built by hand elsewhere, so they are described by hand here, and a test holds each
real reply to its schema. Every field is required and always there, null where it has no
value, unless it is named as optional.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.json_schema import models_json_schema

from votebox.deployments.openai_reply_schema import (
    ChatCompletion,
    ChatCompletionChunk,
    ErrorReply,
    ModelCard,
    ModelList,
    ResponseObject,
)
from votebox.deployments.openai_schema import ChatRequest, ResponsesRequest
from votebox.deployments.solve_request import SolveRequest
from votebox.plugins.events import Event
from votebox.plugins.nouns import Usage
from votebox.plugins.patches import Patch
from votebox.plugins.verdicts import StopReason
from votebox.sandbox import Execution

__all__ = [
    "BOOL",
    "COUNT",
    "NUMBER",
    "TEXT",
    "WHOLE",
    "choice",
    "listing",
    "maybe",
    "record",
    "ref",
    "rows",
    "schemas",
]

Schema = Mapping[str, Any]

TEXT: Final = {"type": "string"}
COUNT: Final = {"type": "integer", "minimum": 0}
WHOLE: Final = {"type": "integer"}
NUMBER: Final = {"type": "number"}
BOOL: Final = {"type": "boolean"}

_REF: Final = "#/components/schemas/{model}"
_STATUSES: Final = ("queued", "running", "completed", "failed", "cancelled")


class SolveBody(SolveRequest):
    """Ask for one solve, and say how to hear of it."""

    stream: bool = False
    background: bool = False


_MODELS: Final[tuple[type[BaseModel], ...]] = (
    ChatCompletion,
    ChatCompletionChunk,
    ChatRequest,
    ErrorReply,
    ModelCard,
    ModelList,
    ResponseObject,
    ResponsesRequest,
    SolveBody,
)


def ref(name: str) -> dict[str, Any]:
    """Return the reference to a schema of the document."""
    return {"$ref": _REF.format(model=name)}


def maybe(schema: Schema) -> dict[str, Any]:
    """Return a schema that also takes null."""
    return {"anyOf": [schema, {"type": "null"}]}


def rows(schema: Schema) -> dict[str, Any]:
    """Return the schema of an array."""
    return {"type": "array", "items": schema}


def choice(*values: Any) -> dict[str, Any]:
    """Return the schema of one of the values."""
    return {"enum": list(values)}


def record(
    description: str = "", optional: Mapping[str, Schema] | None = None, /, **fields: Schema
) -> dict[str, Any]:
    """Return the schema of an object that has all of `fields` and may have the `optional`."""
    told = {"description": description} if description else {}
    properties = {**fields, **(optional or {})}
    return {"type": "object", **told, "required": list(fields), "properties": properties}


def schemas() -> dict[str, Any]:
    """Return every schema of the document by its name."""
    return {**_modelled(), **_events(), **_shared(), **_solves(), **_verdicts()}


def _modelled() -> dict[str, Any]:
    named = [(model, "validation") for model in _MODELS]
    _, found = models_json_schema(named, ref_template=_REF)  # type: ignore[arg-type]
    told: dict[str, Any] = found["$defs"]
    given = [{"required": [name]} for name in ("question", "text", "messages")]
    told["SolveBody"]["oneOf"] = given
    return told


def _events() -> dict[str, Any]:
    """Return the schemas of events as they travel: a `type`, and the fields of the class."""
    adapter: TypeAdapter[Event] = TypeAdapter(Event, config=ConfigDict(defer_build=True))
    adapter.rebuild(_types_namespace={"Patch": Patch})  # which nouns name without importing it
    found = adapter.json_schema(ref_template=_REF, mode="serialization")["$defs"]
    executed = TypeAdapter(Execution).json_schema(ref_template=_REF)
    told: dict[str, Any] = {}
    for name in _event_names():
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        fields = dict(found[name]["properties"])
        if "verdict" in fields:
            fields["verdict"] = ref("Verdict")
        if kind == "chain_text":
            fields["at"] = {**COUNT, "description": "characters of this reply before the text"}
        told[f"{name}Event"] = record(found[name]["description"], type={"const": kind}, **fields)
    told["SolveAcceptedEvent"] = record(
        "Announce that a solve was taken; `position` solves of this key wait before it.",
        type={"const": "solve_accepted"},
        id=TEXT,
        position=COUNT,
    )
    one = [ref(name) for name in told]
    return {**told, "Execution": executed, "SolveEvent": {"oneOf": one}}


def _event_names() -> list[str]:
    return [kind.__name__ for kind in get_args(Event)]


def listing(item: Schema, **more: Schema) -> dict[str, Any]:
    """Return the schema of a list as OpenAI's API has it."""
    return record(object={"const": "list"}, data=rows(item), **more)


def _shared() -> dict[str, Any]:
    recipe = record(
        name=TEXT, description=TEXT, chains=COUNT, rounds=COUNT, hash=TEXT, svg=TEXT, default=BOOL
    )
    return {
        "Recipe": recipe,
        "RecipeList": listing(ref("Recipe")),
        "Health": record(status={"const": "ok"}),
        "Ready": record(status=choice("ready", "starting", "lost"), running=COUNT, queued=COUNT),
        "Version": record(version=TEXT),
    }


def _solves() -> dict[str, Any]:
    progress = record(
        planned=COUNT,
        started=COUNT,
        finished=COUNT,
        tokens=COUNT,
        programs=COUNT,
        need={**maybe(WHOLE), "description": "more votes the leader needs; null: not known"},
        votes=rows({"type": "array", "prefixItems": [TEXT, NUMBER], "minItems": 2, "maxItems": 2}),
    )
    solve = record(
        "One solve of the app, running or remembered; times are Unix seconds.",
        {"verdict": {**maybe(ref("Verdict")), "description": "not in lists"}},
        id=TEXT,
        object={"const": "solve"},
        status=choice(*_STATUSES),
        created=COUNT,
        started=maybe(NUMBER),
        ended=maybe(NUMBER),
        question=TEXT,
        recipe=TEXT,
        model=maybe(TEXT),
        answer={**maybe(TEXT), "description": "null: none yet, or it abstained"},
        progress=ref("Progress"),
        key={**maybe(TEXT), "description": "the name of the key that asked"},
        request_id=TEXT,
        background=BOOL,
        error=maybe(ref("ErrorDetail")),
    )
    deleted = record(
        "Say that a solve is forgotten.",
        id=TEXT,
        object={"const": "solve"},
        deleted={"const": True},
    )
    return {
        "Progress": progress,
        "Solve": solve,
        "SolveList": listing(ref("Solve"), has_more=BOOL),
        "DeletedSolve": deleted,
        "DeletedResponse": record(id=TEXT, object={"const": "response"}, deleted={"const": True}),
        "ResponseEvent": _response_event(),
        "InputItemList": _input_items(),
    }


def _verdicts() -> dict[str, Any]:
    spent = TypeAdapter(Usage).json_schema()["properties"]
    verdict = record(
        "The outcome of a solve, with all that led to it. Times are seconds.",
        answer={**maybe(TEXT), "description": "null where it abstained; `reason` says why"},
        abstained=BOOL,
        reason=TEXT,
        stop_reason=choice(*get_args(StopReason)),
        stopped_by={**maybe(TEXT), "description": "the stop rule and its value"},
        confidence={**NUMBER, "description": "the leader's share of the votes"},
        votes=rows(ref("Vote")),
        rejected=rows(ref("CandidateRead")),
        contributions=rows(record(answer=TEXT, prompts=_counts(), sources=_counts())),
        usage=ref("VerdictUsage"),
        chains=rows(ref("Chain")),
        recipe=TEXT,
        recipe_hash=TEXT,
        seed=WHOLE,
        wall_s=NUMBER,
        problem_id=TEXT,
        id=TEXT,
        started=maybe({**TEXT, "format": "date-time"}),
        planned=COUNT,
        rounds=COUNT,
        traced=BOOL,
        finished=COUNT,
        flip_chance={**maybe(NUMBER), "description": "that all chains elect another answer"},
        tokens_saved={**WHOLE, "description": "an estimate"},
        ladder_s=maybe(NUMBER),
        overrides={"type": "object", "description": "what the request changed of the recipe"},
        client_request=maybe(TEXT),
        files={
            "type": "object",
            "additionalProperties": maybe(TEXT),
            "description": "the changed files of an editing task, null for a deleted one",
        },
    )
    return {
        "Verdict": verdict,
        "Usage": record(**spent),
        "VerdictUsage": record(**spent, total_tokens=COUNT, chains=COUNT, chains_aborted=COUNT),
        "Chain": _chain(),
        "Completion": _completion(),
    }


def _chain() -> dict[str, Any]:
    ran: dict[str, Schema] = {"node": TEXT, "round": COUNT, "start_s": NUMBER, "end_s": NUMBER}
    return record(
        "What one chain did. `ended` is why; `place` its turn among those that ended.",
        index=COUNT,
        seed=WHOLE,
        label=TEXT,
        ended=TEXT,
        rounds=COUNT,
        error=maybe(TEXT),
        usage=ref("Usage"),
        start_s=NUMBER,
        end_s=maybe(NUMBER),
        place=maybe(COUNT),
        completions=rows(ref("Completion")),
        programs=rows(TEXT),
        executions=rows({"allOf": [ref("Execution"), record("When, for which node.", ran)]}),
        candidates=rows(ref("CandidateRead")),
    )


def _completion() -> dict[str, Any]:
    when: dict[str, Schema] = {
        "node": TEXT,
        "round": COUNT,
        "seed": maybe(WHOLE),
        "start_s": NUMBER,
    }
    return record(
        "One reply of the model.",
        {**when, "end_s": maybe(NUMBER)},
        text=TEXT,
        reasoning=maybe(TEXT),
        finish_reason=maybe(TEXT),
        model=TEXT,
        provider={**TEXT, "description": "who served it behind an endpoint that tells, else empty"},
        prompt_tokens=COUNT,
        completion_tokens=COUNT,
    )


def _counts() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": COUNT}


def _response_event() -> dict[str, Any]:
    return record(
        "One event of a response's stream, as OpenAI names them; `response` where it changed.",
        {
            "response": ref("ResponseObject"),
            "delta": TEXT,
            "text": TEXT,
            "item": {"type": "object"},
        },
        type={**TEXT, "pattern": "^(response|votebox)[.]"},
        sequence_number=COUNT,
    )


def _input_items() -> dict[str, Any]:
    item = record(
        id=TEXT,
        type={"const": "message"},
        role=choice("user", "assistant"),
        status={"const": "completed"},
        content=rows(record("", {"annotations": rows({})}, type=TEXT, text=TEXT)),
    )
    return listing(item, first_id=TEXT, last_id=TEXT, has_more=BOOL)
