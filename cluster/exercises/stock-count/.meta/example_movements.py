import re
from typing import NamedTuple


class Movement(NamedTuple):
    kind: str
    item: str
    count: int


def read(text):
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = re.fullmatch(r"(IN|OUT|SET)\s+(\S+)\s+(\d+)", line.strip())
        if match:
            found.append(Movement(match[1], match[2], int(match[3])))
        elif line.strip():
            raise ValueError(f"line {number}: {line.strip()}")
    return found
