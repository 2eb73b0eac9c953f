"""Write the cells of a report's tables, and the table around them.

`data-v` holds what report_common.js sorts a cell by.
"""

from collections.abc import Iterable

from votebox.cluster.markup import Html, tag

__all__ = ["head_cells", "number_cell", "wide_table"]


def wide_table(
    heads: Iterable[Html],
    rows: Iterable[Html],
    name: str,
    *,
    sortable: bool = False,
    class_: str = "",
) -> Html:
    """Return a table that scrolls by itself where it is wider than the page."""
    kind = " ".join(filter(None, ("sortable" if sortable else "", class_))) or None
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_=kind)
    return tag("div", table, class_="wide", role="region", tabindex=0, aria_label=name)


def head_cells(*names: str, class_: str | None = None) -> list[Html]:
    """Return the heads of columns."""
    return [tag("th", name, scope="col", class_=class_) for name in names]


def number_cell(text: str, value: float | None, *more: Html) -> Html:
    """Return a cell that sorts by `value`; None comes last."""
    return tag("td", text, *more, class_="number", data_v=None if value is None else f"{value:.6g}")
