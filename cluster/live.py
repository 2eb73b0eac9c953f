"""Draw a solve while it runs: wire events in, a rich renderable out.

`Board.apply` takes events one by one, `render` draws the board as it stands. Nothing
here knows a terminal, a clock or where events come from. All text of a model or a
program is cleaned and shown as plain Text, never as markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from votebox.cluster.text import one_line, tail

__all__ = ["Board", "Row", "bar", "render"]

_TAIL: Final = 400
_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "writing": ("●", "cyan"),
    "troubled": ("!", "yellow"),
    "running": ("▶", "magenta"),
    "answered": ("✓", "green"),
    "ended": ("·", "dim"),
}
_JUSTIFY: Final[tuple[JustifyMethod, ...]] = ("left", "right", "right", "left")
_AT_WORK: Final = ("writing", "running", "troubled")
_VOTE_ROWS: Final = 5


@dataclass(slots=True)
class Row:
    """Follow one chain: its state (a key of the state table) and what it did last."""

    chain: int
    label: str = ""
    state: str = "writing"
    tokens: int = 0
    text: str = ""
    answer: str = ""
    ended: str = ""
    programs: int = 0


@dataclass(slots=True)
class Board:
    """Collect what has happened so far.

    Mutable, because a solve of thousands of chains sends far more events than a frozen
    board could be copied for. `votes` are (answer, weight) in order.
    """

    stage: str = "starting"
    recipe: str = ""
    planned: int = 0
    seed: int = 0
    models: Sequence[str] = ()
    rows: dict[int, Row] = field(default_factory=dict)
    votes: Sequence[Sequence[Any]] = ()
    finished: int = 0
    need: int = 0
    verdict: Mapping[str, Any] | None = None

    @property
    def tokens(self) -> int:
        """Return the tokens of all chains so far."""
        return sum(row.tokens for row in list(self.rows.values()))

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take one event; types that are not known are ignored, as newer apps send them."""
        match event["type"]:
            case "stage":
                self.stage = str(event["text"])
            case "solve_started":
                self.stage = ""
                self.recipe, self.planned = event["recipe"], event["chains"]
                self.seed, self.models = event["seed"], event["models"]
            case "vote_changed":
                self.votes, self.need = event["votes"], event["need"]
                self.finished, self.planned = event["finished"], event["planned"]
            case "verdict_reached":
                self.verdict = event["verdict"]
            case _ if "chain" in event:
                self._apply_to_row(event)

    def _apply_to_row(self, event: Mapping[str, Any]) -> None:
        row = self.rows.setdefault(event["chain"], Row(event["chain"]))
        match event["type"]:
            case "chain_started":
                row.label = event["label"]
            case "chain_restarted":
                row.state, row.text = "troubled", event["problem"]
            case "chain_text":
                row.state, row.text = "writing", (row.text + event["text"])[-_TAIL:]
                row.tokens += event["tokens"]
            case "provider_failed":
                row.state, row.text = "troubled", event["problem"]
            case "program_started":
                row.state, row.text = "running", event["code"][-_TAIL:]
                row.programs += 1
            case "program_finished":
                row.state, row.text = "writing", _last_words(event["execution"])
            case "candidate_read":
                row.answer = event["answer"]
            case "chain_finished":
                row.ended, row.tokens = event["ended"], event["tokens"]
                row.state = "answered" if row.answer and row.ended != "aborted" else "ended"


def render(board: Board, elapsed_s: float, width: int = 80, height: int = 24) -> RenderableType:
    """Draw the board in at most `height` lines of `width` characters."""
    if board.stage:
        return _head(board.stage, f"{elapsed_s:.0f} s", width)
    votes = list(board.votes)[:_VOTE_ROWS]
    models = one_line(", ".join(board.models), 40)
    title = f"{board.recipe} · {board.planned} chains · {models} · seed {board.seed}"
    parts: list[RenderableType] = [
        _head(title, f"{board.tokens:,} tokens  {elapsed_s:.1f} s", width),
        _chains(board, width, max(1, height - len(votes) - 4)),
    ]
    if votes:
        parts.append(_votes(votes, board.planned, width))
    parts.append(_line(_standing(board)))
    return Group(*parts)


def bar(share: float, width: int) -> str:
    """Return a bar of `width` characters, `share` (0 to 1) of it full.

    >>> bar(0.5, 8)
    '━━━━    '
    """
    full = round(max(0.0, min(1.0, share)) * width)
    return "━" * full + " " * (width - full)


def _line(text: str) -> Text:
    return Text(text, style="dim", overflow="ellipsis", no_wrap=True)


def _head(left: str, right: str, width: int) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    table.width = width
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    table.add_row(Text(left, style="bold"), Text(right, style="dim"))
    return table


def _chains(board: Board, width: int, room: int) -> RenderableType:
    """Draw the chains: those at work first when there are more than fit."""
    rows = list(board.rows.values())
    if len(rows) > room:
        busy = [row for row in rows if row.state in _AT_WORK]
        idle = [row for row in rows if row.state not in _AT_WORK]
        rows = (busy + idle)[: max(1, room - 1)]
    table = Table.grid(padding=(0, 1))
    for justify in _JUSTIFY:
        table.add_column(justify=justify, no_wrap=True, overflow="ellipsis")
    for row in rows:
        mark, style = _STATES[row.state]
        words = _words(row, max(10, width - 20))
        table.add_row(
            Text(mark, style=style), Text(str(row.chain)), Text(f"{row.tokens:,} tok"), words
        )
    hidden = len(board.rows) - len(rows)
    if not hidden:
        return table
    return Group(table, _line(f"and {hidden} more chains"))


def _words(row: Row, width: int) -> Text:
    match row.state:
        case "answered":
            return Text(one_line(row.answer, width), style="bold green")
        case "ended":
            said = f" ({one_line(row.answer, 40)})" if row.answer else ""
            return Text(f"{row.ended}{said}", style="dim")
        case "running":
            return Text("runs: " + tail(row.text, width - 6), style="magenta")
        case "troubled":
            return Text(one_line(row.text, width), style="yellow")
        case _:
            return Text(tail(row.text, width), style="" if row.text else "dim")


def _votes(votes: Sequence[Sequence[Any]], planned: int, width: int) -> Table:
    table = Table.grid(padding=(0, 1))
    most = max(8, min(40, width - 40))
    for number, (answer, weight) in enumerate(votes):
        style = "green" if number == 0 else "yellow"
        table.add_row(
            Text(one_line(str(answer), 24), style="bold" if number == 0 else ""),
            Text(bar(weight / max(planned, 1), most), style=style),
            Text(f"{weight:g}"),
        )
    return table


def _standing(board: Board) -> str:
    text = f"{board.finished} of {board.planned} chains finished"
    if board.votes and 0 < board.need <= board.planned - board.finished:
        leader = one_line(str(board.votes[0][0]), 24)
        votes = "vote" if board.need == 1 else "votes"
        text += f" · {board.need} more {votes} for {leader} would decide"
    return text


def _last_words(execution: Mapping[str, Any]) -> str:
    said = execution.get("stdout") or execution.get("stderr") or ""
    return f"[{execution.get('status', '?')}] {str(said)[-_TAIL:]}"
