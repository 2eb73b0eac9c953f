"""The command line and the processes behind it.

Importing this package imports nothing heavy: no Ray, torch, vLLM or pydantic. What is
heavy is imported inside the functions that need it, because start-up is import time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from votebox.cluster.batch_dataset import solve_dataset
    from votebox.cluster.kaggle import Predictor

__all__ = ["Predictor", "solve_dataset"]

_HOMES: Final = {"Predictor": "kaggle", "solve_dataset": "batch_dataset"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
