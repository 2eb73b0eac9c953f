"""The JSON of `votebox whatif` is what its document says, field by field."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from votebox.cluster.whatif_report import as_json, write_report
from votebox.plugins.builtin.policies import Rational
from votebox.plugins.registry import Registry
from votebox.plugins.whatif_audit import Audit, audit
from votebox.plugins.whatif_groups import group
from votebox.plugins.whatif_plans import Plan, Simulator, Study
from votebox.plugins.whatif_summary import Report, compare
from votebox.plugins.whatif_tables import Row

TEXT = (Path(__file__).parents[2] / "docs/whatif.md").read_text().split("## As JSON")[1]
DOCUMENTED = dict(
    re.findall(r"^\| `([a-z_.]+)` \| ([a-z ]+) \|", TEXT.split("\n## ")[0], re.MULTILINE)
)
ESTIMATE = {"value": 0.5, "low": 0.25, "high": 0.75}


def found(*, reference: str | None = "1", labels: int = 2) -> tuple[Report, Audit | None]:
    rows = [
        Row("m", f"p{problem}", str(1 + chain % 3 % 2), 9, reference, chain, label=f"l{number}")
        for problem in range(3)
        for chain in range(6)
        for number in range(labels)
    ]
    grouping = group(rows, Rational())
    plans = [Plan("fhpc", "need-driven"), Plan("never", "all", 3), Plan("clinch", "batch-greedy:5")]
    report = compare(grouping.experiments, plans, Simulator(Study(6, 4), Registry.load(allowed=())))
    if reference is None:
        return report, None
    return report, audit(grouping.experiments, grouping.labels, 6, 4, 0)


def written(report: Report, heard: Audit | None) -> dict[str, Any]:
    stream = io.StringIO()
    as_json(report, heard, ["a note"], stream)
    made: dict[str, Any] = json.loads(stream.getvalue())
    return made


def kind(value: Any) -> str:
    """Return a value's type in the words of the document."""
    if isinstance(value, dict):
        return "estimate" if value.keys() == ESTIMATE.keys() else "object"
    if isinstance(value, list):
        return f"list of {'strings' if value and isinstance(value[0], str) else 'objects'}"
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return "null" if value is None else names[type(value)]


def fields(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Return (path, type) of every field; those of a list's items stand under the list."""
    if isinstance(value, list):
        return [f for item in value if isinstance(item, dict) for f in fields(item, path)]
    listed: list[tuple[str, str]] = []
    for name, item in value.items():
        here = f"{path}.{name}" if path else name
        listed.append((here, kind(item)))
        if isinstance(item, list) or kind(item) == "object":
            listed += fields(item, here)
    return listed


@pytest.mark.parametrize("reference", ["1", None])
def test_every_field_is_documented_with_its_type(reference: str | None) -> None:
    told = fields(written(*found(reference=reference)))
    assert {path for path, _ in told} == {
        path for path in DOCUMENTED if reference or not path.startswith("audit")
    }
    for path, name in told:
        allowed = DOCUMENTED[path].split(" or ")
        assert name in allowed or (name, allowed[0]) == ("integer", "number"), path


def test_numbers_have_six_decimals() -> None:
    report, heard = found()
    told = written(report, heard)["lines"]
    assert [line["tokens_saved"]["value"] for line in told] == [
        round(line.tokens_saved.value, 6) for line in report.lines
    ]
    assert any(
        line.tokens_saved.value != round(line.tokens_saved.value, 6) for line in report.lines
    )


def test_the_table_tells_what_the_json_tells() -> None:
    report, heard = found()
    stream = io.StringIO()
    write_report(report, heard, stream)
    text = stream.getvalue()
    for line in report.lines:
        assert re.search(
            rf"{re.escape(line.stop)} +{re.escape(line.dispatch)} .*"
            rf"{100 * line.agreement.value:.2f} % +{line.samples:.2f} ",
            text,
        )
    assert "diversity over 3 problems" in text


def test_names_from_a_table_cannot_write_to_the_terminal() -> None:
    rows = [
        Row("m", "p", "1", 9, "1", chain, label=label)
        for chain in range(2)
        for label in ("\x1b[31mred\x07", "[bold]b[/]")
    ]
    grouping = group(rows, Rational())
    simulator = Simulator(Study(2, 2), Registry.load(allowed=()))
    heard = audit(grouping.experiments, grouping.labels, 2, 2, 0)
    stream = io.StringIO()
    write_report(compare(grouping.experiments, [], simulator), heard, stream)
    assert "\x1b" not in stream.getvalue()
    assert "\x07" not in stream.getvalue()
    assert "[bold]b[/]" in stream.getvalue()
