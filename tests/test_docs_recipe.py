"""Hold docs/recipe-reference.md to the models that check a recipe."""

import re
from pathlib import Path

import pytest
from recipe_fields import rows, tables

PAGE = (Path(__file__).parents[1] / "docs/recipe-reference.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \|([^|]*+)\| `([^`]*+)` \|([^|]*+)\|[^|]++\|$", re.MULTILINE)
SECTIONS = {
    name: [tuple(cell.strip() for cell in row) for row in ROW.findall(body)]
    for head, body in re.findall(
        r"^#{2,3} ([^\n]++)\n(.*?)(?=^#{2,3} |\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
    for name in head.split(", ")
}
"""The rows below each heading; things with the same options share one."""


@pytest.mark.parametrize("name", tables())
def test_each_key_stands_with_its_type_default_and_range(name: str) -> None:
    assert SECTIONS[name] == rows(tables()[name])


def test_no_table_is_of_something_that_is_not_there() -> None:
    assert {name for name, found in SECTIONS.items() if found} == set(tables())
