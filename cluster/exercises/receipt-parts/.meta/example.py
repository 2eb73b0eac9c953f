import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    name: str
    count: int
    cents: int

    @property
    def total(self):
        return self.count * self.cents


def parse(text):
    return [_item(line) for line in map(str.strip, text.split("\n")) if line]


def _item(line):
    match = re.fullmatch(r"(\d+) x (.*) at (\d*)\.(\d\d)", line)
    if match is None or " x " in match[2]:
        raise ValueError(f"bad line: {line}")
    count, name, whole, rest = match.groups()
    return Item(name, int(count), int(whole + rest))


def discount(items):
    total = sum(item.total for item in items)
    by_count = total // 20 if sum(item.count for item in items) >= 10 else 0
    return max(by_count, total // 10 if total >= 10_000 else 0)


def euros(cents):
    sign, cents = "-" * (cents < 0), abs(cents)
    return f"{sign}{cents // 100}.{cents % 100:02}"


def lines(items):
    found = [_line(f"{item.count} {item.name}", item.total) for item in items]
    less = discount(items)
    if less:
        found.append(_line("discount", -less))
    total = sum(item.total for item in items) - less
    return [*found, "-" * 28, _line("total", total)]


def _line(what, cents):
    return what.ljust(20) + euros(cents).rjust(8)


def receipt(text):
    return "\n".join(lines(parse(text)))
