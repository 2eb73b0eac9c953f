"""The conformance kit: what is wrong with a plugin is found, and the built-ins conform."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from votebox.plugins import PluginError, Registry
from votebox.plugins.testing import AWKWARD_TEXTS, Finding, check_plugin, check_recipe

HEAD = """\
import os, random, re, sys, time, threading
from dataclasses import dataclass
from votebox.plugins import Advice, Candidate, Reading, Tally, VoteClass, declare, hookimpl
"""


def module(folder: Path, body: str) -> ModuleType:
    """Write and import a plugin."""
    path = folder / "author_plugin.py"
    path.write_text(f"{HEAD}\n{body}\n")
    spec = importlib.util.spec_from_file_location("author_plugin", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


READERS = {
    "span": ("return [Reading('x', (0, len(text) + 1))]", "span: gave the span (0, 1)"),
    "none": ("return None", "type: returned NoneType"),
    "texts": ("return [text]", "type: returned a list of str"),
    "raises": ("raise KeyError(text[:3])", "raises: raised KeyError"),
    "random": ("return [Reading(str(random.random()))]", "deterministic: gave two results"),
    "set": ("return [Reading('-'.join({'a', 'b', 'c', 'd'}))]", "deterministic: gave another"),
    "keeps": ("SEEN.append(text); return []", "pure: writes the global SEEN"),
    "opens": ("open('/dev/null').close(); return []", "pure: opens a file"),
    "environ": ("os.environ.get('HOME'); return []", "pure: reads the environment variable 'HOME'"),
    "system": ("os.system('true'); return []", "pure: asks the operating system (os.system"),
    "prints": ("print('x'); return []", "pure: prints"),
    "sleeps": ("time.sleep(30); return []", "pure: sleeps"),
    "forks": ("os.fork(); return []", "pure: starts a process"),
    "thread": (
        "threading.Thread(target=id, args=(1,)).start(); return []",
        "pure: starts a thread",
    ),
    "exits": ("text or os._exit(3); return []", "raises: ends the process"),
    "hangs": ("re.search('(a+)+$', 'a' * 99 + '!'); return []", "time: takes longer than it may"),
    "null": ("return None if '\\x00' in text else []", "type: returned NoneType"),
}
SIGNATURES = {
    "two": ("(text, options):\n    'x'", "cannot be called with 3 arguments"),
    "moved": ("(finish_reason, text, options):\n    'x'\n    return []", "is called by position"),
    "undocumented": ("(text, finish_reason, options):\n    return []", "has no docstring"),
}
OPTIONS = {
    "required": ("@dataclass(frozen=True)\nclass {}:\n    size: int", "cannot be used without"),
    "loose": ("@dataclass\nclass {}:\n    size: int = 1", "can be changed"),
    "odd": ("@dataclass(frozen=True)\nclass {}:\n    at: object = print", "cannot be written"),
    "plain": ("class {}: pass", "has options that are a type"),
}
VOTES = {
    "rising": ("return Tally((VoteClass('a', 1.0), VoteClass('b', 2.0)))", "vote-order: gave the"),
    "nan": ("return Tally((VoteClass('a', float('nan')),))", "vote-weight: gave the weights"),
    "heavy": ("return Tally((VoteClass('a', 9.0, tuple(candidates[:1])),))", "vote-weight: gave 9"),
    "strange": (
        "return Tally((VoteClass('a', 1.0, (Candidate('a', 'x', 0),)),))",
        "vote-members: ",
    ),
    "first": (
        "c = candidates[:1]; return Tally(tuple(VoteClass(e.answer, 1.0, (e,)) for e in c))",
        "vote-order: counts otherwise",
    ),
    "clears": ("candidates.clear(); return Tally()", "pure: changes its arguments"),
}
RULES = {
    "stop:needy": ("return Advice(True, 99)", "value: needs 99 votes"),
    "stop:endless": ("return Advice(False, state.left)", "value: goes on when no chain is left"),
    "stop:risky": ("return Advice(True, 0, 1.5)", "value: gave the risk 1.5"),
    "stop:true": ("return True", "type: returned bool"),
    "dispatch:negative": ("return -1", "value: wants -1 chains"),
    "dispatch:half": ("return 1.5", "type: returned float"),
    "dispatch:many": ("return 5000", "value: wants 5000 chains"),
    "guard:true": ("return True", "type: returned bool"),
    "guard:silent": ("return ''", "value: ends a chain for no reason"),
}
ARGUMENTS = {
    "stop": "state, options",
    "dispatch": "state, advice, in_flight, options",
    "guard": "progress, options",
}
NO_READING = "(text, finish_reason, options):\n    'Read.'\n    return []\n"


def written() -> str:
    """Return a plugin whose things each have one fault, and two without any."""
    made, readers, votes, rules = ["SEEN = []"], [], [], []
    for name, (line, _) in READERS.items():
        made.append(f"def r_{name}(text, finish_reason, options):\n    'Read.'\n    {line}")
        readers.append(f"'extract:{name}', r_{name}")
    for name, (definition, _) in SIGNATURES.items():
        made.append(f"def s_{name}{definition}")
        readers.append(f"'extract:{name}', s_{name}")
    made.append(f"async def waits{NO_READING}")
    readers += ["'extract:waits', waits", "'extract:three', 3"]
    for name, (definition, _) in OPTIONS.items():
        made.append(f"{definition.format(name)}\ndef o_{name}{NO_READING}")
        readers.append(f"'extract:{name}', o_{name}, options={name}")
    made.append("def good(text, finish_reason, options):\n    'Read.'")
    made.append("    return [Reading(text[:3], (0, min(3, len(text))))]")
    readers.append("'extract:good', good")
    for name, (line, _) in VOTES.items():
        made.append(f"def v_{name}(candidates, policy, options):\n    'Vote.'\n    {line}")
        votes.append(f"'vote:{name}', v_{name}")
    for use, (line, _) in RULES.items():
        kind, name = use.split(":")
        made.append(f"def x_{kind}_{name}({ARGUMENTS[kind]}):\n    'Rule.'\n    {line}")
        rules.append(f"'{use}', x_{kind}_{name}")
    for hook, calls in (("extractors", readers), ("votes", votes), ("stops", rules)):
        made.append(f"@hookimpl\ndef register_{hook}(register):")
        made += [f"    register({call})" for call in calls]
    return "\n".join(made)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    made = module(tmp_path_factory.mktemp("faulty"), written())
    return check_plugin(made, limit_s=0.5)


def said(found: list[Finding], use: str) -> list[str]:
    return [f"{f.rule}: {f.problem}" for f in found if f.plugin == use]


@pytest.mark.parametrize("name", READERS)
def test_a_reader_with_a_fault_is_found(found: list[Finding], name: str) -> None:
    told = said(found, f"extract:{name}")
    assert any(line.startswith(READERS[name][1]) for line in told), told


@pytest.mark.parametrize("name", [*SIGNATURES, "waits", "three"])
def test_a_signature_that_does_not_fit_is_found(found: list[Finding], name: str) -> None:
    wanted = {"waits": (0, "is async"), "three": (0, "cannot be called")}
    told = said(found, f"extract:{name}")
    assert any((SIGNATURES | wanted)[name][1] in line for line in told), told


@pytest.mark.parametrize("name", OPTIONS)
def test_options_that_no_recipe_can_give_are_found(found: list[Finding], name: str) -> None:
    told = said(found, f"extract:{name}")
    assert any(line.startswith("options: ") and OPTIONS[name][1] in line for line in told), told


@pytest.mark.parametrize("name", VOTES)
def test_a_vote_with_a_fault_is_found(found: list[Finding], name: str) -> None:
    told = said(found, f"vote:{name}")
    assert any(line.startswith(VOTES[name][1]) for line in told), told


@pytest.mark.parametrize("use", RULES)
def test_a_rule_with_a_fault_is_found(found: list[Finding], use: str) -> None:
    told = said(found, use)
    assert any(line.startswith(RULES[use][1]) for line in told), told


def test_a_thing_without_fault_has_no_finding_beside_all_that_have(found: list[Finding]) -> None:
    assert said(found, "extract:good") == []
    assert said(found, "extract:null") == ["type: returned NoneType"]
    assert all(f.fix for f in found)


def test_a_finding_tells_the_input_that_broke_the_rule(found: list[Finding]) -> None:
    (null,) = [f for f in found if f.plugin == "extract:null"]
    assert str(null).startswith("extract:null [type]: returned NoneType (given null, stop")


def test_a_slow_call_is_found_although_it_returns(tmp_path: Path) -> None:
    body = 'def read(text, finish_reason, options):\n    """Read."""\n'
    body += "    end = time.process_time() + 0.3 * (text == '')\n"
    body += "    while time.process_time() < end: pass\n    return []\n"
    body += "@hookimpl\ndef register_extractors(register): register('extract:read', read)\n"
    found = check_plugin(module(tmp_path, body), limit_s=0.2)
    assert [f.rule for f in found] == ["time"]


def test_a_plugin_that_cannot_be_loaded_is_a_finding(tmp_path: Path) -> None:
    hook = "@hookimpl\ndef register_extractors(register): register('extract:Not_A_Name', print)"
    made = module(tmp_path, hook)
    assert any(f.rule == "load" and "not a plugin name" in f.problem for f in check_plugin(made))


def test_an_import_that_ends_the_process_is_a_finding(tmp_path: Path) -> None:
    made = ModuleType("sleeper")
    made.__file__ = str(tmp_path / "sleeper.py")
    (tmp_path / "sleeper.py").write_text("import os\nos._exit(0)\n")
    (found,) = {str(f): f for f in check_plugin(made)}.values()
    assert (found.rule, found.problem) == ("load", "ends the process while it loads")


def test_an_unknown_plugin_raises_with_near_matches() -> None:
    with pytest.raises(PluginError, match="did you mean extract:boxed"):
        check_plugin("extract:boxd")


def test_a_script_that_checks_itself_is_refused_before_it_starts_itself_again() -> None:
    script = ModuleType("__main__")
    script.__file__ = __file__
    with pytest.raises(PluginError, match="import the plugin from a module of its own"):
        check_plugin(script)


def test_a_plugin_that_only_observes_can_be_checked(tmp_path: Path) -> None:
    hook = "@hookimpl\n{}def verdict_reached(verdict): ..."
    assert check_plugin(module(tmp_path, hook.format(""))) == []
    found = check_plugin(module(tmp_path, hook.format("async ")))
    assert {(f.rule, "as async" in f.problem) for f in found} == {("load", True)}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_builtin_conforms() -> None:
    assert check_plugin("votebox") == []


@pytest.mark.parametrize(
    "name", ["extract:boxed", "vote:majority", "stop:eprocess", "prompt:solve"]
)
def test_a_builtin_of_each_kind_conforms(name: str) -> None:
    assert check_plugin(name) == []


def test_a_recipe_is_loaded_drawn_and_solved() -> None:
    registry = Registry.load(allowed=())
    source = registry.recipe("vote").source
    assert check_recipe(source, registry=registry) == []
    (found,) = check_recipe(source.replace("vote:majority", "vote:majorty"), registry=registry)
    assert (found.rule, "did you mean vote:majority" in found.fix) == ("recipe", True)


def test_awkward_texts_hold_what_they_promise() -> None:
    assert max(map(len, AWKWARD_TEXTS.values())) >= 100_000
    for sign in ("\x00", "\r\n", "\u202e", "\U0001d7d2", "<think>", "9**9**9"):
        assert any(sign in text for text in AWKWARD_TEXTS.values()), sign


def test_the_pytest_plugin_imports_nothing_of_ours_and_its_fixtures_work(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import asyncio\n"
        "def test_engine(votebox_engine):\n"
        "    assert votebox_engine('x').model == 'replay'\n"
        "def test_sandbox(votebox_sandbox):\n"
        "    assert votebox_sandbox.run_now('print(6 * 7)').stdout == '42\\n'\n"
        "    assert asyncio.run(votebox_sandbox.run('print(1)')).stdout == '1\\n'\n"
        "def test_solve(votebox_solve, votebox_registry):\n"
        "    reply = '```python\\nprint(6 * 7)\\n```'\n"
        "    assert votebox_solve('vote', [reply, '\\\\boxed{42}']).answer == '42'\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "3 passed" in done.stdout, done.stdout + done.stderr
