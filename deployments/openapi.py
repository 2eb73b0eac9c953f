"""Describe the HTTP API as an OpenAPI 3.1 document, served at /openapi.json.

Written from the table in openapi_operations.py; a test holds the table to the routes of
the app, and real replies to the schemas.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from votebox.deployments.openapi_operations import OPERATIONS, Operation
from votebox.deployments.openapi_schemas import TEXT, record, ref, schemas

__all__ = ["document"]

STREAM: Final = "text/event-stream"

MEANINGS: Final[Mapping[int, str]] = {
    400: "The request is wrong; `param` names the field.",
    401: "No API key, or an unknown one.",
    403: "Without keys the server serves its own machine only.",
    404: "There is no such thing, or it is another key's.",
    413: "The body is too large.",
    431: "The headers are too large.",
    429: "The queue or the key's limit is full; `retry-after` says when to come back.",
    499: "Somebody cancelled the solve.",
    500: "Our fault; do not ask again by yourself.",
    503: "The solvers cannot be reached now; `retry-after` says when to come back.",
}

RETRIED: Final = frozenset({429, 503})
"""The statuses that say when to come back."""


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the front door."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _told(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "votebox",
            "version": version("votebox"),
            "description": "Serve answers, not tokens. See docs/api.md.",
        },
        "paths": paths,
        "security": [{"key": []}],
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _told(operation: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": _responses(operation),
    }
    if operation.parameters:
        told["parameters"] = list(operation.parameters)
    if operation.body:
        content = {"schema": ref(operation.body), "example": operation.example}
        told["requestBody"] = {"required": True, "content": {"application/json": content}}
    if operation.open:
        told["security"] = []
    return told


def _responses(operation: Operation) -> dict[str, Any]:
    told = {}
    for status, schema in operation.ok.items():
        content: dict[str, Any] = {operation.media_type: {"schema": schema}} if schema else {}
        if operation.stream and status == 200:
            content[STREAM] = {"schema": _stream(operation.stream)}
        told[str(status)] = {
            "description": operation.summary,
            "headers": _headers(status, located="/solves" in operation.path and status == 202),
            "content": content,
        }
    always = (400, 413, 431, 500) if operation.open else (400, 401, 403, 413, 431, 500)
    for status in sorted({*always, *operation.errors} - set(operation.ok)):
        content = {"application/json": {"schema": ref("ErrorReply")}}
        told[str(status)] = {
            "description": MEANINGS[status],
            "headers": _headers(status),
            "content": content,
        }
    return told


def _stream(event: str) -> dict[str, Any]:
    """Return the schema of each event of a stream; `event` names the schema of its data."""
    told = {"anyOf": [ref(event), ref("ErrorReply")]}
    data = {
        "anyOf": [
            {"const": "[DONE]"},
            {**TEXT, "contentMediaType": "application/json", "contentSchema": told},
        ]
    }
    named: dict[str, Mapping[str, Any]] = {"id": TEXT, "event": TEXT, "data": data}
    description = "One event of a stream; the last has `[DONE]` for its data."
    return {**record(description, named), "required": ["data"]}


def _headers(status: int, *, located: bool = False) -> dict[str, Any]:
    told: dict[str, Any] = {
        "x-request-id": {
            "description": "The caller's, where it is safe to repeat, or a new one.",
            "required": True,
            "schema": TEXT,
        }
    }
    if status in RETRIED:
        told["retry-after"] = {"description": "Seconds.", "required": True, "schema": TEXT}
    if status == 500:
        told["x-should-retry"] = {"required": True, "schema": {"const": "false"}}
    if located:
        told["location"] = {"description": "The solve.", "required": True, "schema": TEXT}
    return told
