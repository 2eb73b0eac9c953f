"""Make a change of files out of edits, check it, test it, and put it to the vote.

step:apply          edits -> patch: the round's edits on the files as they are now
step:gate           patch -> patch: compiles, keeps public names, changes something
step:visible-tests  patch -> patch: the problem's own tests, in the jail
step:probes         patch -> patch: what given programs print, for clusters of behaviour
step:submit         patch -> candidates: its unified diff is the answer
"""

import ast
import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from votebox.plugins import (
    Candidate,
    EditRules,
    EditScript,
    Evidence,
    Limits,
    Patch,
    PluginError,
    ProblemError,
    Register,
    TestLimits,
    declare,
    hookimpl,
    run_tests,
    visible_task,
)
from votebox.plugins.builtin.edit_rounds import current_files
from votebox.plugins.edits import apply

_MOST_PROBES: Final = 64


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """Bound the tolerance with which old text is found, and name files not to be touched."""

    level: Literal["exact", "indent", "blank", "elision", "fuzzy"] = "fuzzy"
    readonly: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateOptions:
    """Set whether the functions and classes of a module must all stay."""

    keep_names: bool = True


@dataclass(frozen=True, slots=True)
class TestOptions:
    """Bound the visible tests: seconds for all with their false copies, and for one; memory."""

    __test__ = False

    total_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    test_s: Annotated[float, Field(gt=0, le=3600)] = 10.0
    memory_mib: Annotated[int, Field(ge=64, le=65536)] = 1024


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """Give programs that use the changed files and print what they do, and seconds for each.

    Those of the problem, `metadata["probes"]`, come behind them.
    """

    programs: tuple[str, ...] = ()
    wall_s: Annotated[float, Field(gt=0, le=3600)] = 10.0


@declare(takes=("edits",), gives="patch")
async def applied(inputs: Mapping[str, Any], ports: Any, options: ApplyOptions) -> Patch:
    """Apply the edits of this round, of several parents those of the last that gave any."""
    origin = ports.problem.files
    if not origin:
        fix = "give some: Problem(files={path: text}), or votebox solve --files DIR"
        raise ProblemError("step:apply edits files and the problem has none", fix)
    base = current_files(ports.problem, ports.chain)
    script = list(inputs.values())[-1]
    if not isinstance(script, EditScript):
        fix = "have the edit plugin's parse return EditScript"
        raise PluginError("step:apply", f"cannot apply a {type(script).__name__}", fix)
    readonly = frozenset((*options.readonly, *ports.problem.metadata.get("readonly", ())))
    rules = EditRules(options.level, readonly)
    files, report = apply(script, base, rules)
    return Patch(origin, base, files, report)


@declare(takes=("patch",), gives="patch")
async def gated(inputs: Mapping[str, Patch], ports: Any, options: GateOptions) -> Patch:
    """Refuse a change that does not compile, loses public names, or changes nothing."""
    patch = next(iter(inputs.values()))
    if not patch.landed:
        return patch
    faults = tuple(_faults(patch, options))
    return replace(patch, files=patch.base, faults=faults) if faults else patch


def _faults(patch: Patch, options: GateOptions) -> Iterator[str]:
    if not patch.changed:
        yield "the files are as they were before the request"
    for path, text in patch.changed.items():
        if text is None or not path.endswith(".py"):
            continue
        names = _names(text)
        if isinstance(names, str):
            yield f"{path} does not compile: {names}"
            continue
        before = _names(patch.origin.get(path, ""), imports=path.endswith("__init__.py"))
        if options.keep_names and not isinstance(before, str):
            lost = sorted(before - names)
            yield from (f"{path} no longer defines {name}" for name in lost[:8])


def _names(source: str, *, imports: bool = True) -> frozenset[str] | str:
    """Return the public functions and classes a module defines, or why it does not compile.

    With `imports` also what it imports from others: a name may move to another module, but only
    a package's own file is asked for what it imports.
    """
    try:
        tree = ast.parse(source)
        compile(tree, "file", "exec", dont_inherit=True)
    except SyntaxError as e:
        return f"line {e.lineno}: {e.msg}"
    except (ValueError, RecursionError, MemoryError) as e:
        return f"{type(e).__name__}: {e}"
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = {node.name for node in tree.body if isinstance(node, kinds)}
    names |= {
        a.asname or a.name
        for n in tree.body
        if imports and isinstance(n, ast.ImportFrom)
        for a in n.names
    }
    names |= {
        t.id
        for n in tree.body
        if isinstance(n, ast.Assign)
        for t in n.targets
        if isinstance(t, ast.Name)
    }
    return frozenset(name for name in names if not name.startswith("_"))


@declare(takes=("patch",), gives="patch", runs=True)
async def tested(inputs: Mapping[str, Patch], ports: Any, options: TestOptions) -> Patch:
    """Run the problem's visible tests on a change; where there are none it stays as it is.

    They are the tests among its files, and those of `metadata["tests"]`, text by path, which no
    model is shown: it gets their output alone.
    """
    patch = next(iter(inputs.values()))
    task = visible_task("task", patch.files, ports.problem.metadata.get("tests"))
    if not patch.landed or task is None:
        return patch
    limits = TestLimits(options.total_s, options.test_s, options.memory_mib)
    seed = ports.chain.seed
    vector = await run_tests(_sandbox(ports, "visible-tests"), task, task.files, limits, seed)
    return replace(patch, tests=vector)


@declare(takes=("patch",), gives="patch", runs=True)
async def probed(inputs: Mapping[str, Patch], ports: Any, options: ProbeOptions) -> Patch:
    """Run the probes on a change: how each ended and what it printed is its behaviour."""
    patch = next(iter(inputs.values()))
    programs = (*options.programs, *_given(ports.problem.metadata.get("probes", ())))
    if not patch.landed or not programs:
        return patch
    if len(programs) > _MOST_PROBES:
        raise ProblemError(f"there are {len(programs)} probes", f"give at most {_MOST_PROBES}")
    box, limits = _sandbox(ports, "probes"), Limits(wall_s=options.wall_s)
    runs = (box.run(program, limits=limits, files=dict(patch.files)) for program in programs)
    results = await asyncio.gather(*runs)
    return replace(patch, probes=tuple(f"{r.status}\n{r.stdout}" for r in results))


def _given(probes: Any) -> tuple[str, ...]:
    if isinstance(probes, str) or not all(isinstance(probe, str) for probe in probes):
        raise ProblemError('metadata["probes"] holds no programs', "give a list of texts")
    return tuple(probes)


def _sandbox(ports: Any, name: str) -> Any:
    if ports.sandbox is None:
        raise PluginError(f"step:{name}", "runs programs and there is no sandbox", "give one")
    return ports.sandbox


@declare(takes=("patch",), gives="candidates")
async def submitted(
    inputs: Mapping[str, Patch], ports: Any, options: None
) -> tuple[Candidate, ...]:
    """Put a change that landed to the vote; its answer is the unified diff."""
    patch = next(iter(inputs.values()))
    if not patch.landed or not patch.changed:
        return ()
    evidence = Evidence(patch.diff, round=len(ports.chain.turns), patch=patch)
    return (Candidate(patch.diff, "", ports.chain.index, evidence=evidence),)


@hookimpl
def register_steps(register: Register) -> None:
    """Register the steps of an editing task, in their order."""
    register("step:apply", applied, options=ApplyOptions)
    register("step:gate", gated, options=GateOptions)
    register("step:visible-tests", tested, options=TestOptions)
    register("step:probes", probed, options=ProbeOptions)
    register("step:submit", submitted)
