"""Serve votebox: engines behind one port, and the Ray Serve application over them.

Names are imported when they are used: importing this room imports neither Ray nor vLLM,
so that `votebox --help` and runs without Ray stay fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from votebox.deployments.app import build
    from votebox.deployments.app_args import AppArgs, ModelArgs, SandboxArgs, SolverArgs
    from votebox.deployments.engine_embedded import EmbeddedEngine
    from votebox.deployments.engine_endpoint import EndpointEngine
    from votebox.deployments.engine_spawned import SpawnedEngine
    from votebox.deployments.handle import ServeEngine, ServeSandbox
    from votebox.deployments.model_source import check_model
    from votebox.deployments.solve_request import SolveRequest

__all__ = [
    "AppArgs",
    "EmbeddedEngine",
    "EndpointEngine",
    "ModelArgs",
    "SandboxArgs",
    "ServeEngine",
    "ServeSandbox",
    "SolveRequest",
    "SolverArgs",
    "SpawnedEngine",
    "build",
    "check_model",
]

_HOMES: Final = {
    "AppArgs": "app_args",
    "EmbeddedEngine": "engine_embedded",
    "EndpointEngine": "engine_endpoint",
    "ModelArgs": "app_args",
    "SandboxArgs": "app_args",
    "ServeEngine": "handle",
    "ServeSandbox": "handle",
    "SolveRequest": "solve_request",
    "SolverArgs": "app_args",
    "SpawnedEngine": "engine_spawned",
    "build": "app",
    "check_model": "model_source",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
