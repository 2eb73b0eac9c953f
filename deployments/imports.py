"""Import Ray Serve and vLLM without the optional packages that nothing here uses.

Importing is most of the start-up. Both packages import some others "if they are there";
pandas alone costs two processor seconds in each process that does.
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

__all__ = ["WORKER_HOOK", "import_serve", "without"]

WORKER_HOOK: Final = "votebox.deployments.imports.import_serve"
"""What a Ray worker calls first, where Ray's variable for its setup hook says so."""


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Make imports of these packages fail in this thread, as if they were not installed.

    Those already imported stay. `importlib.util.find_spec` still finds them, and other
    threads import them as ever; so does this one afterwards.
    """
    finder = _Finder(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def import_serve() -> None:
    """Import Ray Serve, which every worker of our own Ray needs, without pandas.

    Serve imports pandas only to encode data frames that a deployment returns over HTTP.
    """
    with without("pandas"):
        import ray.serve  # noqa: F401 - the import is the purpose


class _Finder(MetaPathFinder):
    """Find packages that refuse to load, for the thread that made it."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = frozenset(packages)
        self._thread = threading.get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._packages or threading.get_ident() != self._thread:
            return None
        return ModuleSpec(fullname, _Refusing())


class _Refusing(Loader):
    def exec_module(self, module: ModuleType) -> None:
        raise ImportError(f"{module.__name__} is left out of this start", name=module.__name__)
