"""Know units: what each measures, and how much of the SI unit it is.

Factors are exact. Those of inch, foot, mile and pound are from the international yard and
pound agreement of 1959, the calorie is the thermochemical one.
"""

from fractions import Fraction
from typing import Annotated, Final

from pydantic import AfterValidator

__all__ = ["KnownUnit", "converted"]

_UNITS: Final[dict[str, dict[str, str]]] = {
    "length": {
        "m": "1",
        "mm": "1/1000",
        "cm": "1/100",
        "km": "1000",
        "in": "0.0254",
        "ft": "0.3048",
        "mi": "1609.344",
    },
    "mass": {"kg": "1", "mg": "1/1000000", "g": "1/1000", "t": "1000", "lb": "0.45359237"},
    "time": {"s": "1", "ms": "1/1000", "min": "60", "h": "3600", "d": "86400"},
    "speed": {"m/s": "1", "km/h": "5/18", "km/s": "1000"},
    "area": {"m^2": "1", "cm^2": "1/10000", "km^2": "1000000", "ha": "10000"},
    "volume": {"m^3": "1", "cm^3": "1/1000000", "L": "1/1000", "mL": "1/1000000"},
    "force": {"N": "1", "kN": "1000"},
    "energy": {"J": "1", "kJ": "1000", "MJ": "1000000", "cal": "4.184", "kWh": "3600000"},
    "power": {"W": "1", "kW": "1000", "MW": "1000000"},
    "pressure": {"Pa": "1", "kPa": "1000", "bar": "100000", "atm": "101325"},
}
_KNOWN: Final = {
    unit: (measured, Fraction(factor))
    for measured, units in _UNITS.items()
    for unit, factor in units.items()
}
_SPELLINGS: Final = {"²": "^2", "³": "^3", "metres": "m", "meters": "m", "seconds": "s"}


def _known(unit: str) -> str:
    if unit not in _KNOWN:
        raise ValueError(f"unit {unit!r} is not known; there are {', '.join(_KNOWN)}")
    return unit


KnownUnit = Annotated[str, AfterValidator(_known)]
"""A unit of the table; another one is an error when a recipe is loaded."""


def converted(value: Fraction, unit: str, wanted: str) -> Fraction | None:
    """Return `value` in the unit `wanted`, None where `unit` is unknown or measures another thing."""
    for spelling, plain in _SPELLINGS.items():
        unit = unit.replace(spelling, plain)
    measured, factor = _KNOWN.get(unit, ("", Fraction(0)))
    sought, into = _KNOWN[wanted]
    return value * factor / into if measured == sought else None
