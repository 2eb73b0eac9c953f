"""Leaving optional packages out of an import, for one thread and a while."""

import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from votebox.deployments.imports import WORKER_HOOK, without

PACKAGE = "votebox_optional_thing"


@pytest.fixture(autouse=True)
def optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / f"{PACKAGE}.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop(PACKAGE, None)


def test_the_package_is_missing_inside_and_there_afterwards() -> None:
    with without(PACKAGE):
        assert find_spec(PACKAGE)
        with pytest.raises(ImportError, match="left out") as caught:
            importlib.import_module(PACKAGE)
        assert caught.value.name == PACKAGE
        assert PACKAGE not in sys.modules
    assert importlib.import_module(PACKAGE).value == 1


def test_a_package_that_is_loaded_stays() -> None:
    loaded = importlib.import_module(PACKAGE)
    with without(PACKAGE):
        assert importlib.import_module(PACKAGE) is loaded


def test_other_threads_import_it_as_ever() -> None:
    found: list[int] = []
    with without(PACKAGE):
        other = threading.Thread(
            target=lambda: found.append(importlib.import_module(PACKAGE).value)
        )
        other.start()
        other.join()
    assert found == [1]


def test_an_error_inside_ends_it_too() -> None:
    with pytest.raises(KeyError), without(PACKAGE):
        raise KeyError
    assert importlib.import_module(PACKAGE).value == 1


def test_the_worker_hook_imports_serve_without_pandas() -> None:
    module, _, function = WORKER_HOOK.rpartition(".")
    code = (
        f"import sys\nfrom {module} import {function} as hook\nhook()\n"
        "assert 'ray.serve' in sys.modules and 'pandas' not in sys.modules\n"
        "import pandas\nprint(pandas.DataFrame([1]).shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert done.stdout == "(1, 1)\n"
