"""Read the integer a program printed last: `extract:last-integer`.

`extract:last-number`, held to integers: 42, 42.0 and 84/2 are read as 42, and a last line
that says 3.5 holds no answer, rather than a 5.
"""

from votebox.plugins import Reading, Register, hookimpl
from votebox.plugins.answers import canonical
from votebox.plugins.builtin.numbers import last_number


def last_integer(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
    """Return the integer on the last non-empty line; nothing unless the program ended ok."""
    return [reading for reading in last_number(text, finish_reason) if _is_whole(reading.value)]


def _is_whole(answer: str) -> bool:
    value = canonical(answer)
    return value is not None and value.denominator == 1


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the reading of printed integers."""
    register("extract:last-integer", last_integer)
