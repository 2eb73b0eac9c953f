"""Of the ways an engine fails, those in which it died are told apart: their chains may start again."""

import pickle

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from votebox.deployments.handle import _engine_error, _sandbox_error
from votebox.deployments.llm_cluster import engine_error
from votebox.plugins import EngineDied, EngineError, EngineUnavailable, PromptTooLong
from votebox.sandbox import SandboxBusy, SandboxDied, SandboxError


class EngineDeadError(Exception):
    """Be called what vLLM calls the death of its engine core."""


def test_a_dead_engine_core_is_told_apart_from_a_failed_request() -> None:
    assert type(engine_error("m", EngineDeadError("see above"))) is EngineDied
    assert type(engine_error("m", RuntimeError("no such thing"))) is EngineError
    own = PromptTooLong("m", "too long")
    assert engine_error("m", own) is own


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ActorDiedError(), EngineDied),
        (ActorUnavailableError("away", None), EngineDied),
        (BackPressureError(num_queued_requests=1, max_queued_requests=1), EngineUnavailable),
        (RuntimeError("x"), EngineError),
    ],
)
def test_a_dead_model_replica_is_told_apart_from_a_busy_one(
    error: Exception, kind: type[EngineError]
) -> None:
    assert type(_engine_error("m", error)) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ActorDiedError(), SandboxDied),
        (BackPressureError(num_queued_requests=1, max_queued_requests=1), SandboxBusy),
        (RuntimeError("x"), SandboxError),
    ],
)
def test_a_dead_sandbox_replica_is_told_apart_from_a_busy_one(
    error: Exception, kind: type[SandboxError]
) -> None:
    assert type(_sandbox_error(error)) is kind


def test_a_model_that_cannot_be_started_is_no_death() -> None:
    class Gone(DeploymentUnavailableError):
        def __init__(self) -> None:
            """Need no deployment."""

    assert type(_engine_error("m", Gone())) is EngineUnavailable


@pytest.mark.parametrize("error", [EngineDied("m", "died", "wait"), SandboxDied("died", "wait")])
def test_both_deaths_survive_pickling(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(again), again.args, str(again)) == (type(error), error.args, str(error))
