"""Name models as OpenAI's API does: a recipe is a virtual model, `votebox/RECIPE`."""

from collections.abc import Mapping
from typing import Any, Final

from votebox.deployments.openai_errors import ApiError, bad_field
from votebox.deployments.openai_json import read_json

__all__ = ["PREFIX", "ApiError", "model_card", "read_json", "read_model"]

PREFIX: Final = "votebox/"
"""What precedes the name of a recipe in the id of its model."""


def read_model(given: Mapping[str, Any]) -> str:
    """Return the model a request names; raise ApiError 400 for none."""
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise bad_field("model", "model: name one of those that GET /v1/models lists")
    return model


def model_card(model: str, created: int, description: str = "") -> dict[str, Any]:
    """Return one entry of the list of models; `created` is a Unix time in seconds."""
    card = {"id": model, "object": "model", "created": created, "owned_by": "votebox"}
    return card | ({"description": description} if description else {})
