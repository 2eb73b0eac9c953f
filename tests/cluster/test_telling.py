"""Tell solves as text: what decided comes first, hostile text is inert, pipes get no colour."""

import asyncio
import io
import os
import pty
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from commands import command, environment, votebox
from solved import HOSTILE, QUESTION, solved

from votebox.cluster.story import deciding, ending, ran_by, risk, saving, steps, voted
from votebox.cluster.telling import tell, tell_chain
from votebox.plugins import Trace, TraceStore

ALL_AT_ONCE = {"stop:fhpc": "stop:never", "dispatch:need-driven": "dispatch:all"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Solve with all of forty chains; chain 7 and its like and the question are hostile."""
    found = str(tmp_path_factory.mktemp("traces"))
    text = f"{QUESTION} {HOSTILE}"
    asyncio.run(solved(TraceStore(found), text=text, pause_s=0.001, changes=ALL_AT_ONCE))
    return found


@pytest.fixture(scope="module")
def trace(place: str) -> Trace:
    return TraceStore(place).find("latest")


def test_each_program_of_the_winner_is_told_once_the_deciding_one_first(trace: Trace) -> None:
    first, *others = deciding(trace.verdict)
    assert first.decided
    assert "range(1, 1001)" in first.code
    assert len(first.chains) == 16
    assert [outcome.execution.stdout for outcome in first.outcomes] == ["400\n"]
    assert [program.decided for program in others] == [False, False]
    assert {program.outcomes[0].execution.status for program in others} == {"timeout", "error"}
    assert not any("% 5 == 2" in program.code for program in (first, *others))  # it printed 200


def test_what_a_program_did_differently_is_kept_apart(trace: Trace) -> None:
    one, two = (c for c in trace.verdict.chains if c.index in (0, 3))
    other = replace(two, executions=(replace(two.executions[0], stdout="401\n"),))
    (program,) = ran_by([one, other], ["400"])
    assert [(o.execution.stdout, o.chains) for o in program.outcomes] == [
        ("400\n", (0,)),
        ("401\n", (3,)),
    ]


def test_a_program_that_printed_the_answer_in_other_words_decided(trace: Trace) -> None:
    chain = trace.verdict.chains[0]
    printed = replace(chain.candidates[0], answer="800/2")
    for answer, decided in (("400", True), ("401", False)):
        (program,) = ran_by([replace(chain, candidates=(printed,))], [answer])
        assert program.decided == decided


def test_the_sentences_fit_what_ended_the_solve(trace: Trace) -> None:
    verdict = trace.verdict
    assert ending(verdict) == "No rule stopped the solve: all 40 chains ended by themselves."
    assert "no later vote could change" in risk(verdict)
    assert saving(verdict) == ""
    stopped = replace(
        verdict,
        stop_reason="consensus",
        stopped_by="fhpc:0.02",
        finished=11,
        flip_chance=0.0184,
        tokens_saved=verdict.usage.completion_tokens,
    )
    assert ending(stopped).startswith("The rule fhpc:0.02 stopped the solve when 11 of 40 chains")
    assert risk(stopped).endswith("the other 29 would have elected another answer is about 1.8 %.")
    assert "50% of the full vote" in saving(stopped)
    assert risk(replace(stopped, flip_chance=1e-9)).endswith("less than 0.01 %.")
    assert "is not known" in risk(replace(stopped, flip_chance=None))
    assert risk(replace(stopped, votes=())) == ""
    for reason, words in (("deadline", "The deadline"), ("budget", "The token budget")):
        assert ending(replace(stopped, stop_reason=reason)).startswith(words)


def test_the_steps_of_a_chain_come_in_their_order(trace: Trace) -> None:
    kinds = [type(step).__name__ for step in steps(trace.verdict.chains[6])]
    assert kinds == ["Said", "Ran", "Said", "Ran", "Said"]
    assert voted(trace.verdict)[6] == 0


def test_the_story_holds_what_decided_and_obeys_nothing(trace: Trace) -> None:
    stream = io.StringIO()
    tell(trace, stream)
    text = stream.getvalue()
    assert "\n400\n" in text
    assert "No rule stopped the solve" in text
    assert "which printed the answer\n  print(sum(1 for n in range(1, 1001)" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("number", [5, 6, 7])
def test_a_chain_is_told_whole(trace: Trace, number: int) -> None:
    stream, chain = io.StringIO(), trace.verdict.chains[number]
    tell_chain(chain, stream)
    text = stream.getvalue()
    assert text.startswith(f"chain {number} (solve), seed {chain.seed}: {chain.ended}\n")
    assert QUESTION.splitlines()[1] in text
    for said in chain.completions:
        assert said.reasoning.split(". ")[0] in text
    for code in chain.programs:
        assert all(f"  {line}\n" in text for line in code.strip().splitlines())
    assert ("read nothing" in text) == (not chain.candidates)
    assert "\x1b" not in text


def test_the_terminal_gets_colour_unless_it_is_refused(place: str, tmp_path: Path) -> None:
    arguments = command("show", "latest", "--traces", place)
    for refused in (False, True):
        env = environment(tmp_path, TERM="xterm-256color")
        env = {**env, "NO_COLOR": "1"} if refused else env
        reader, writer = pty.openpty()
        with subprocess.Popen(arguments, env=env, stdout=writer) as process:
            os.close(writer)
            text = b"".join(iter(partial(_read, reader), b""))
            assert process.wait(120) == 0
        os.close(reader)
        assert (b"\x1b[1;32m400" in text) == (not refused)
        assert (b"\x1b[32m" in text) == (not refused)


def test_one_chain_as_json_and_one_that_is_not_there(place: str, tmp_path: Path) -> None:
    env = environment(tmp_path)
    done = votebox("show", "latest", "--traces", place, "--chain", "6", "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert '"index": 6' in done.stdout
    done = votebox("show", "latest", "--traces", place, "--chain", "40", env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no chain 40; its chains are 0 to 39" in done.stderr
    page = str(tmp_path / "absent" / "page.html")
    done = votebox("show", "latest", "--traces", place, "--html", page, env=env)
    assert done.returncode == 2
    assert "absent/page.html' cannot be written: No such file" in done.stderr


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end of a terminal is closed
        return b""
