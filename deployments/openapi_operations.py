"""List the operations of the HTTP API, each with every status it can answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from votebox.deployments.openapi_schemas import TEXT, ref

__all__ = ["OPERATIONS", "Operation"]

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """Describe one method of one path.

    `ok` has the schema for each good status; `errors` the statuses of an error object
    besides those that every operation has. `body` names the schema of the request,
    `stream` that of the events of a stream, "" for none. `media_type` is that of good replies; `open` needs no key.
    """

    method: str
    path: str
    tag: str
    summary: str
    ok: Mapping[int, Schema]
    errors: tuple[int, ...] = ()
    body: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)
    parameters: tuple[Mapping[str, Any], ...] = ()
    stream: str = ""
    media_type: str = "application/json"
    open: bool = False

    @property
    def name(self) -> str:
        """Return the operation's id."""
        parts = [part.strip("{}") for part in self.path.split("/") if part not in ("", "v1")]
        return "_".join([self.method, *parts]).replace(".", "_")


def _query(name: str, schema: Schema, description: str) -> dict[str, Any]:
    told = {"name": name, "in": "query", "required": False}
    return {**told, "description": description, "schema": schema}


def _header(name: str, schema: Schema, description: str) -> dict[str, Any]:
    return {**_query(name, schema, description), "in": "header"}


def _path(name: str, description: str) -> dict[str, Any]:
    schema = {**TEXT, "minLength": 1}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }


_NO_REPLY: Final[Schema] = {}

_SOLVE_ID: Final = _path("solve_id", "The id of a solve.")
_RESPONSE_ID: Final = _path("response_id", "The id of a response.")
_IDEMPOTENCY: Final = _header(
    "Idempotency-Key",
    {**TEXT, "maxLength": 255, "pattern": "^[ -~]*$"},
    "The same key with the same body attaches to the solve that runs, or returns its result.",
)
_CHAT: Final = {
    "model": "votebox/vote",
    "messages": [{"role": "user", "content": "What is 17 + 25?"}],
    "votebox": {"chains": 8},
}

_STATUSES: Final = ["queued", "running", "completed", "failed", "cancelled"]

OPERATIONS: Final = (
    Operation(
        "get",
        "/v1/models",
        "OpenAI",
        "List the recipes, and the raw models, as models.",
        {200: ref("ModelList")},
        (503,),
    ),
    Operation(
        "get",
        "/v1/models/{model}",
        "OpenAI",
        "Return one model.",
        {200: ref("ModelCard")},
        (404, 503),
        parameters=(_path("model", "The id of a model; it may contain slashes."),),
    ),
    Operation(
        "post",
        "/v1/chat/completions",
        "OpenAI",
        "Solve what the last user message asks.",
        {200: ref("ChatCompletion")},
        (404, 429, 499, 503),
        body="ChatRequest",
        example=_CHAT,
        parameters=(_IDEMPOTENCY,),
        stream="ChatCompletionChunk",
    ),
    Operation(
        "post",
        "/v1/responses",
        "OpenAI",
        "Solve the input: wait for the response, stream it, or leave it in the background.",
        {200: ref("ResponseObject")},
        (404, 429, 499, 503),
        body="ResponsesRequest",
        example={"model": "votebox/vote", "input": "What is 17 + 25?", "background": True},
        parameters=(_IDEMPOTENCY,),
        stream="ResponseEvent",
    ),
    Operation(
        "get",
        "/v1/responses/{response_id}",
        "OpenAI",
        "Return a response as it is, or its stream.",
        {200: ref("ResponseObject")},
        (404,),
        parameters=(
            _RESPONSE_ID,
            _query("stream", {"enum": ["true", "1", "false", "0"]}, "Whether to stream it."),
            _query(
                "starting_after",
                {"type": "integer", "minimum": 0, "maximum": 10**9},
                "Only events of the stream behind this sequence number.",
            ),
        ),
        stream="ResponseEvent",
    ),
    Operation(
        "delete",
        "/v1/responses/{response_id}",
        "OpenAI",
        "Forget a response; one that has not ended is cancelled first.",
        {200: ref("DeletedResponse")},
        (404,),
        parameters=(_RESPONSE_ID,),
    ),
    Operation(
        "get",
        "/v1/responses/{response_id}/input_items",
        "OpenAI",
        "Return what was asked, as items.",
        {200: ref("InputItemList")},
        (404,),
        parameters=(_RESPONSE_ID,),
    ),
    Operation(
        "post",
        "/v1/responses/{response_id}/cancel",
        "OpenAI",
        "Cancel a response that has not ended, and return it.",
        {200: ref("ResponseObject")},
        (404,),
        parameters=(_RESPONSE_ID,),
    ),
    Operation(
        "post",
        "/v1/solves",
        "Solves",
        "Solve: wait for the verdict, stream the events, or leave it in the background.",
        {200: ref("Verdict"), 202: ref("Solve")},
        (429, 499, 503),
        body="SolveBody",
        example={"question": "What is 17 + 25?", "chains": 8},
        parameters=(_IDEMPOTENCY,),
        stream="SolveEvent",
    ),
    Operation(
        "get",
        "/v1/solves",
        "Solves",
        "List your solves, the newest first.",
        {200: ref("SolveList")},
        (404,),
        parameters=(
            _query(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20},
                "How many at most.",
            ),
            _query("status", {"enum": _STATUSES}, "Only those in this status."),
            _query("after", TEXT, "Only those older than this solve."),
        ),
    ),
    Operation(
        "get",
        "/v1/solves/{solve_id}",
        "Solves",
        "Return a solve, with its verdict once there is one.",
        {200: ref("Solve")},
        (404,),
        parameters=(_SOLVE_ID,),
    ),
    Operation(
        "delete",
        "/v1/solves/{solve_id}",
        "Solves",
        "Cancel a solve that has not ended, or forget one that has.",
        {200: {"oneOf": [ref("Solve"), ref("DeletedSolve")]}},
        (404,),
        parameters=(_SOLVE_ID,),
    ),
    Operation(
        "get",
        "/v1/solves/{solve_id}/events",
        "Solves",
        "Follow a solve: what happened first, then what happens.",
        {200: _NO_REPLY},
        (404,),
        parameters=(
            _SOLVE_ID,
            _query(
                "after",
                {"type": "integer", "minimum": 0, "maximum": 10**12 - 1},
                "Only events behind this number; else the header Last-Event-ID counts.",
            ),
            _header("Last-Event-ID", TEXT, "The number of the last event that was read."),
        ),
        stream="SolveEvent",
    ),
    Operation(
        "get",
        "/v1/recipes",
        "Solves",
        "List the recipes with their drawings.",
        {200: ref("RecipeList")},
        (503,),
    ),
    Operation("get", "/health", "Site", "Say that it answers.", {200: ref("Health")}, open=True),
    Operation(
        "get",
        "/ready",
        "Site",
        "Say whether solves are taken; 503 while the solvers start or are lost.",
        {200: ref("Ready"), 503: ref("Ready")},
        open=True,
    ),
    Operation(
        "get", "/version", "Site", "Tell votebox's version.", {200: ref("Version")}, open=True
    ),
    Operation(
        "get",
        "/metrics",
        "Site",
        "Tell the app's metrics in Prometheus' text format.",
        {200: TEXT},
        media_type="text/plain",
    ),
    Operation(
        "get",
        "/openapi.json",
        "Site",
        "Return this document.",
        {200: {"type": "object"}},
        open=True,
    ),
)
