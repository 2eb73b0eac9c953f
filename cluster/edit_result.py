"""Tell what a run of the editing benchmark came to: a table for people, a row for the page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Literal, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from votebox.cluster.edit_cases import Case
from votebox.cluster.edit_numbers import Numbers, RoleNumbers, Share
from votebox.cluster.edit_reread import writers
from votebox.cluster.edit_rows import EditRow
from votebox.cluster.evaluate_report import interval_text
from votebox.cluster.runs import RunHead
from votebox.cluster.text import one_line
from votebox.plugins import Recipe

__all__ = ["edit_row", "roles_of", "write_numbers"]

_WIDTH: Final = 100


def roles_of(recipe: Recipe) -> tuple[str, str]:
    """Return the role that decides and the role that writes edits, "" where there is one model."""
    ends = writers(recipe)
    models = [node for node in recipe.nodes.values() if node.kind == "model"]
    first = next((node.name for node in models if node.id not in ends), "")
    last = next(node.name for node in models if node.id in ends)
    return (first, last) if first else (last, "")


def edit_row(
    head: RunHead, recipe: Recipe, cases: Sequence[Case], found: Numbers, command: str
) -> EditRow:
    """Return the run's row of a results page; what was not measured is None."""
    first, second = roles_of(recipe)
    published, deciding = found.published, found.roles.get(first)
    rates = dict(enumerate(published.pass_rates, 1))
    formats = _formats(recipe)
    shares = {
        "blind": found.blind,
        "after_feedback": found.after_feedback,
        "voted": found.voted if found.chains > 1 else None,
        "oracle": found.oracle if found.chains > 1 else None,
    }
    percents = {f"pass_rate_{k}": Share(rates[k] / 100, found.exercises) for k in rates if k < 3}
    bounded = {**percents, **shares}  # repeats and chains make nobody surer of other exercises
    return EditRow(
        dirname=head.name,
        test_cases=found.completed,
        total_tests=found.cases,
        model=_told(cases, first, "model") or "unknown",
        edit_format="architect" if second else formats,
        editor_model=_told(cases, second, "model") or None,
        provider=_told(cases, first, "provider") or None,
        editor_provider=_told(cases, second, "provider") or None,
        editor_edit_format=f"editor-{formats}" if second else None,
        pass_rate_1=rates[1],
        pass_rate_2=rates.get(2, rates[1]),
        **{name: value for name, value in asdict(published).items() if name != "pass_rates"},
        prompt_tokens=sum(role.prompt_tokens for role in found.roles.values()),
        completion_tokens=sum(role.completion_tokens for role in found.roles.values()),
        command=command,
        date=head.started[:10],
        versions=head.votebox,
        kind="architect+editor" if second else "solo",
        repeats=head.repeat,
        voted_n=found.chains if found.chains > 1 else None,
        intervals={name: _ends(share) for name, share in bounded.items() if share is not None},
        editor_skipped=None if deciding is None or not second else deciding.direct,
        wall_seconds_per_case=round(found.wall_s / max(1, found.cases), 3),
        cases="cases.jsonl",
        **dict(_percents(shares)),
        **dict(_role_fields("architect", deciding, found)),
        **dict(_role_fields("editor", found.roles.get(second), found)),
    )


def _percents(shares: Mapping[str, Share | None]) -> Iterator[tuple[str, Any]]:
    for name, share in shares.items():
        if share is not None:
            yield name, _percent(share.value)


def _role_fields(name: str, role: RoleNumbers | None, found: Numbers) -> Iterator[tuple[str, Any]]:
    if role is None:
        return
    yield f"well_formed_{name}", _percent(role.well_formed.value)
    yield f"exact_{name}", _percent(role.exact.value)
    yield f"{name}_prompt_tokens", role.prompt_tokens
    if name == "editor":
        yield f"{name}_completion_tokens", role.completion_tokens
    else:
        yield f"{name}_thinking_tokens", role.thinking_tokens
        yield f"{name}_answer_tokens", role.answer_tokens
    yield f"{name}_cost", role.cost
    yield f"{name}_seconds_per_case", round(role.seconds / max(1, found.completed), 3)


def _formats(recipe: Recipe) -> str:
    """Return the format the last model of the recipe writes."""
    return [node.name for node in recipe.nodes.values() if node.kind == "edit"][-1]


def _told(cases: Sequence[Case], role: str, name: Literal["model", "provider"]) -> str:
    """Return the models or providers of a role's replies, those that are known."""
    found = (str(getattr(r, name)) for case in cases for r in case.replies if r.role == role)
    return ", ".join(dict.fromkeys(filter(None, found)))


def _percent(share: float) -> float:
    return round(100 * share, 1)


def _ends(share: Share) -> tuple[float, float]:
    return _percent(share.interval.low), _percent(share.interval.high)


def write_numbers(head: RunHead, found: Numbers, procedure: str, stream: TextIO) -> None:
    """Write what a run came to; then its roles, one row each."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False, width=_WIDTH)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _lines(head, found, procedure):
        if value:
            table.add_row(name, Text(one_line(value)))
    console.print(table)
    if found.roles:
        console.print()
        console.print(_roles(found.roles))
    stream.flush()


def _lines(head: RunHead, found: Numbers, procedure: str) -> list[tuple[str, str]]:
    told = found.published
    errors = ", ".join(f"{n} {name}" for name, n in found.errors.items())
    of = f"@{found.chains}"
    votes = found.chains > 1
    rates = ", ".join(f"{rate:.1f}" for rate in told.pass_rates)
    skipped = "" if found.skipped is None else f"{found.skipped:.1%} of proposals applied as edits"
    return [
        ("run", f"{head.dataset.name}, recipe {head.recipe}, {procedure} procedure"),
        ("exercises", f"{found.exercises:,}{f', {head.repeat} times each' * (head.repeat > 1)}"),
        ("errors", errors),
        ("blind pass@1", _share(found.blind)),
        ("after feedback", "" if found.after_feedback is None else _share(found.after_feedback)),
        (f"voted{of}", _share(found.voted) if votes else ""),
        (f"oracle pass{of}", _share(found.oracle) if votes else ""),
        ("published", f"pass rates {rates}; well-formed {told.percent_cases_well_formed:.1f}"),
        ("editor skipped", skipped),
        ("seconds", f"{told.seconds_per_case:.1f} of models a case, {found.wall_s:,.1f} in all"),
        ("cost", "" if told.total_cost is None else f"${told.total_cost:,.4f}"),
    ]


def _share(share: Share) -> str:
    return f"{share.value:.1%}, 95 % {interval_text(share.interval)}"


def _roles(roles: Mapping[str, RoleNumbers]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("role")
    columns = ("replies", "well-formed", "exact", "prompt", "thinking", "answer", "seconds", "cost")
    for column in columns:
        table.add_column(column, justify="right")
    table.add_column("faults", overflow="fold")
    for name, role in roles.items():
        table.add_row(
            Text(one_line(name, 30)),
            f"{role.replies:,}",
            f"{role.well_formed.value:.1%}",
            f"{role.exact.value:.1%}",
            f"{role.prompt_tokens:,}",
            f"{role.thinking_tokens:,}",
            f"{role.answer_tokens:,}",
            f"{role.seconds:,.1f}",
            "" if role.cost is None else f"${role.cost:,.4f}",
            Text(one_line(", ".join(f"{n} {fault}" for fault, n in role.faults.items()))),
        )
    return table
