"""Read a quantity and convert it: `extract:units-quantity`."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from votebox.plugins import Reading
from votebox_units.quantities import KnownUnit, converted

# Every repetition is bounded or possessive, so no text makes it slow.
_QUANTITY: Final = re.compile(
    r"\s{0,8}+(?P<number>[-+]?[0-9]{1,30}+(?:\.[0-9]{1,30}+)?+)"
    r"(?:(?:[eE]|\s?(?:\*|x|\u00d7|\\times|\\cdot)\s?10\^\{?)(?P<power>[-+]?[0-9]{1,2}+)\}?)?+"
    r"\s{0,8}+(?P<unit>[A-Za-z/^²³]{1,12}+(?:[0-9](?![0-9]))?+)"
)


@dataclass(frozen=True, slots=True)
class QuantityOptions:
    """Set the unit values are given in, and the text they stand behind."""

    unit: KnownUnit = "m"
    marker: str = "ANSWER:"


def quantity(text: str, finish_reason: str | None, options: QuantityOptions) -> list[Reading]:
    """Read the quantity behind the last marker, as an exact number of `unit`.

    A number without a unit, or with one that measures another thing, is no answer.
    """
    at = text.rfind(options.marker)
    if at < 0:
        return []
    found = _QUANTITY.match(text, at + len(options.marker))
    if found is None:
        return []
    value = Fraction(found["number"]) * Fraction(10) ** int(found["power"] or 0)
    number = converted(value, found["unit"], options.unit)
    if number is None:
        return []
    complete = finish_reason == "stop" or found.end() < len(text)
    written = f"read as {found['unit']}"
    return [Reading(str(number), found.span(), complete=complete, notes=(written,))]
