from collections import namedtuple

Movement = namedtuple("Movement", "item kind count")


def read(text):
    found = []
    for number, line in enumerate(text.splitlines()):
        kind, item, count = line.split()
        if kind not in ("IN", "OUT"):
            raise ValueError(f"line {number}: {line}")
        found.append(Movement(kind, item, count))
    return iter(found)
