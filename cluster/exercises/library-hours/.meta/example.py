import re


def _minute(text):
    match = re.fullmatch(r"(\d\d):([0-5]\d)", text)
    return int(match[1]) * 60 + int(match[2]) if match else -1


def _read(hours):
    opened = [False] * 1440
    for stretch in hours.split():
        first, dash, last = stretch.partition("-")
        start, end = _minute(first), _minute(last)
        if not dash or not 0 <= start < end <= 1440:
            raise ValueError(f"no stretch: {stretch}")
        opened[start:end] = [True] * (end - start)
    return opened


def _write(opened):
    edges = [
        minute
        for minute, (before, now) in enumerate(zip([False, *opened], [*opened, False]))
        if before != now
    ]
    times = [f"{edge // 60:02}:{edge % 60:02}" for edge in edges]
    return " ".join(f"{first}-{last}" for first, last in zip(times[::2], times[1::2]))


def tidy(hours):
    return _write(_read(hours))


def minutes(hours):
    return sum(_read(hours))


def both(one, other):
    return _write([a and b for a, b in zip(_read(one), _read(other))])


def without(hours, closed):
    return _write([a and not b for a, b in zip(_read(hours), _read(closed))])


def is_open(hours, time):
    opened = _read(hours)
    minute = _minute(time)
    if not 0 <= minute < 1440:
        raise ValueError(f"no time: {time}")
    return opened[minute]
