"""Hold the house to its plan: the list of packages, the layers, what is public."""

import ast
import importlib
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("sandbox", "plugins", "deployments", "cluster")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXERCISES = ROOT / "cluster/exercises"  # data for a benchmark, though most of it is Python
SOURCES = [
    path
    for room in ROOMS
    for path in sorted((ROOT / room).rglob("*.py"))
    if not path.is_relative_to(EXERCISES)
]


def typing_only(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


@cache
def imported(path: Path) -> list[tuple[str, int, bool]]:
    """Return (module, line, at module scope) of every import in a file."""
    tree = ast.parse(path.read_text())
    inside = {
        id(node)
        for scope in ast.walk(tree)
        if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)) or typing_only(scope)
        for node in ast.walk(scope)
    }
    found = []
    for node in ast.walk(tree):
        top = id(node) not in inside
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno, top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                room = path.relative_to(ROOT).parts[0]
                found.append((f"votebox.{room}", node.lineno, top))
            else:
                found.append((node.module or "", node.lineno, top))
    return found


def test_the_package_list_names_every_folder_that_holds_python() -> None:
    folders = {path.parent.relative_to(ROOT) for path in SOURCES}
    listed = {Path(p) for p in PROJECT["tool"]["setuptools"]["package-dir"].values()}
    assert folders == listed
    names = set(PROJECT["tool"]["setuptools"]["packages"])
    assert names == set(PROJECT["tool"]["setuptools"]["package-dir"])
    assert names == {"votebox." + str(folder).replace(os.sep, ".") for folder in folders}


def test_rooms_are_flat_but_for_builtin() -> None:
    deep = {str(p.parent.relative_to(ROOT)) for p in SOURCES if len(p.relative_to(ROOT).parts) > 2}
    assert deep == {"plugins/builtin"}


def test_nothing_stands_above_the_rooms() -> None:
    assert not (ROOT / "votebox").exists()
    assert not (ROOT / "__init__.py").exists()
    for room in ROOMS:
        assert (ROOT / room / "py.typed").exists()
        assert (ROOT / "typing/votebox" / room).resolve() == ROOT / room


def test_imports_between_rooms_point_one_way() -> None:
    wrong = []
    for path in SOURCES:
        room = path.relative_to(ROOT).parts[0]
        allowed = ROOMS[: ROOMS.index(room) + 1]
        for module, line, _ in imported(path):
            if module in ROOMS:
                wrong.append(f"{path}:{line} imports {module}, a second copy of votebox.{module}")
            parts = module.split(".")
            if parts[0] == "votebox" and len(parts) > 1 and parts[1] not in allowed:
                wrong.append(f"{path}:{line} imports {module} from {room}")
    assert not wrong


def test_only_the_upper_rooms_import_ray_and_the_cli_does_so_lazily() -> None:
    wrong = []
    for path in SOURCES:
        room = path.relative_to(ROOT).parts[0]
        for module, line, top in imported(path):
            if module.split(".")[0] != "ray":
                continue
            if room in ("sandbox", "plugins") or (room == "cluster" and top):
                wrong.append(f"{path}:{line} imports {module}")
    assert not wrong


def test_vllm_and_ray_serve_llm_are_imported_inside_functions_of_deployments_only() -> None:
    wrong = []
    for path in SOURCES:
        room = path.relative_to(ROOT).parts[0]
        for module, line, top in imported(path):
            heavy = module.split(".")[0] in ("vllm", "torch") or module.startswith("ray.serve.llm")
            if heavy and (top or room != "deployments"):
                wrong.append(f"{path}:{line} imports {module}")
    assert not wrong


def test_builtin_plugins_use_only_the_public_door() -> None:
    wrong = []
    for path in (ROOT / "plugins/builtin").glob("*.py"):
        for module, line, _ in imported(path):
            inner = module.startswith("votebox.plugins.") and not module.startswith(
                (
                    "votebox.plugins.builtin",
                    "votebox.plugins.answers",
                    "votebox.plugins.chances",
                )
            )
            if inner and module != "votebox.plugins.edits":
                wrong.append(f"{path.name}:{line} imports {module}")
    assert not wrong


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_are_sorted_and_exist(room: str) -> None:
    module = importlib.import_module(f"votebox.{room}")
    order = sorted(module.__all__, key=lambda n: (not n.isupper(), n[0].islower(), n))
    assert module.__all__ == order  # constants, classes, functions, as the linter sorts
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_importing_any_room_imports_no_heavy_package() -> None:
    names = ", ".join(f"votebox.{room}" for room in ROOMS)
    code = f"import sys, {names}; print([m for m in ('ray','vllm','torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_wheel_holds_every_source_and_data_file(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a copy: a build folder in the tree could hide a missing file
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {f"votebox/{path.relative_to(ROOT)}" for path in SOURCES}
    data = [
        p for r in ROOMS for p in (ROOT / r).rglob("*") if p.suffix in (".toml", ".safetensors")
    ]
    data += list((ROOT / "deployments/mini").iterdir())
    data += list((ROOT / "deployments/page").iterdir())
    data += [p for name in ("launch", "presets") for p in (ROOT / "cluster" / name).iterdir()]
    data += [p for p in EXERCISES.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    expected |= {f"votebox/{path.relative_to(ROOT)}" for path in data}
    expected |= {f"votebox/{room}/py.typed" for room in ROOMS}
    assert expected <= names
    assert not [n for n in names if n.startswith(("plugins/", "tests/", "votebox/tests"))]
