"""Tell a trace in the terminal: a solve as a story, or one of its chains in full.

Colour is rich's affair: none in a pipe, or where NO_COLOR is set.
"""

from typing import TYPE_CHECKING, Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from votebox.cluster.result import write_verdict
from votebox.cluster.story import (
    Program,
    Said,
    asked,
    deciding,
    ending,
    happened,
    risk,
    saving,
    steps,
    voted,
)
from votebox.cluster.text import clean, one_line

if TYPE_CHECKING:
    from votebox.plugins import ChainRecord, Trace
    from votebox.sandbox import Execution

__all__ = ["tell", "tell_chain"]

_CHAINS: Final = 64
_MORE: Final = "--chain N shows a chain in full, --html FILE writes it all as one page"
_PROGRAMS: Final = 3
_SHOWN_CHARS: Final = 2_000


def tell(trace: "Trace", stream: TextIO) -> None:
    """Write the story of a solve: question, verdict, what ended it, chains, programs."""
    from votebox.plugins import verdict_to_wire

    verdict, console = trace.verdict, _console(stream)
    _say(console, trace.problem.text.strip(), "bold")
    console.print()
    write_verdict(verdict_to_wire(verdict), stream)
    console.print()
    for sentence in filter(None, (ending(verdict), risk(verdict), saving(verdict))):
        _say(console, sentence)
    if verdict.chains:
        console.print()
        console.print(_chains(trace))
    programs = deciding(verdict)
    for program in programs[:_PROGRAMS]:
        console.print()
        _tell_program(console, program)
    if len(programs) > _PROGRAMS:
        _say(console, f"and {len(programs) - _PROGRAMS} more programs", "dim")
    console.print()
    _say(console, _MORE, "dim")
    stream.flush()


def tell_chain(chain: "ChainRecord", stream: TextIO) -> None:
    """Write all that was asked, said and run in a chain, and what was read from it."""
    console = _console(stream)
    _say(console, f"{_name(chain)}, seed {chain.seed}: {chain.ended}", "bold")
    for step in steps(chain):
        console.print()
        if isinstance(step, Said):
            _tell_reply(console, step)
        else:
            _say(console, "program", "bold magenta")
            _show(console, step.code)
            _tell_outcome(console, step.execution)
    console.print()
    for candidate in chain.candidates:
        where = f"{candidate.source}, round {candidate.evidence.round + 1}"
        _say(console, f"read {one_line(candidate.answer)} ({where})", "green")
    if not chain.candidates:
        _say(console, "read nothing", "dim")
    if chain.error:
        _say(console, f"failed: {chain.error}", "red")
    stream.flush()


def _console(stream: TextIO) -> Console:
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _chains(trace: "Trace") -> Table:
    verdict = trace.verdict
    votes = voted(verdict)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for name in ("chain", "tokens", "programs"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ended", no_wrap=True, overflow="ellipsis", max_width=24)
    table.add_column("read", no_wrap=True, overflow="ellipsis")
    for chain in verdict.chains[:_CHAINS]:
        place = votes.get(chain.index)
        style = "dim" if place is None else "green" if place == 0 else "yellow"
        table.add_row(
            Text(str(chain.index)),
            Text(f"{chain.usage.completion_tokens:,}"),
            Text(str(len(chain.programs) or "")),
            Text(one_line(chain.ended, 80), style="dim"),
            Text(_answers(chain, counted=place is not None), style=style),
        )
    if len(verdict.chains) > _CHAINS:
        table.add_row("", "", "", Text(f"and {len(verdict.chains) - _CHAINS} more", style="dim"))
    return table


def _answers(chain: "ChainRecord", *, counted: bool) -> str:
    found = ", ".join(dict.fromkeys(one_line(c.answer, 40) for c in chain.candidates))
    return found + " (no vote)" * (bool(found) and not counted)


def _tell_program(console: Console, program: Program) -> None:
    numbers = " ".join(map(str, program.chains[:_CHAINS]))
    what = "printed the answer" if program.decided else "did not print the answer"
    chains = "chain" if len(program.chains) == 1 else "chains"
    _say(console, f"the program of {chains} {numbers}, which {what}", "bold")
    _show(console, _cut(program.code))
    for outcome in program.outcomes:
        if len(program.outcomes) > 1:
            _say(console, f"in {' '.join(map(str, outcome.chains[:_CHAINS]))}", "dim")
        _tell_outcome(console, outcome.execution)


def _tell_outcome(console: Console, execution: "Execution") -> None:
    _say(console, happened(execution), "dim" if execution.ok else "red")
    for text in filter(str.strip, (execution.stdout, execution.stderr)):
        _show(console, _cut(text), "green" if execution.ok else "red")


def _tell_reply(console: Console, step: Said) -> None:
    said, call = step.completion, step.call
    where = f"round {call.round + 1}, " if call else ""
    for message in asked(call) if call else ():
        _say(console, f"{where}{message.role}", "bold")
        _show(console, message.content)
    tokens = f"{said.usage.completion_tokens:,} tokens, ended by {said.finish_reason}"
    who = (said.model or "the model") + (f" at {said.provider}" if said.provider else "")
    _say(console, f"{where}{who}: {tokens}", "bold cyan")
    if said.reasoning:
        _show(console, said.reasoning, "dim italic")
    _show(console, said.text)


def _name(chain: "ChainRecord") -> str:
    return f"chain {chain.index}{f' ({one_line(chain.label, 80)})' * bool(chain.label)}"


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(clean(text), style=style), soft_wrap=True)


def _show(console: Console, text: str, style: str = "") -> None:
    """Show text of a model or a program two columns in, its lines whole."""
    for line in clean(text).rstrip().splitlines():
        console.print(Text(f"  {line}", style=style), soft_wrap=True)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]} ..."
