import re


def _readings(text):
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d) +(-?\d+)", line)
        if match is None:
            raise ValueError(f"bad reading: {line}")
        found.append((line[:5], int(match[3])))
    if not found:
        raise ValueError("no readings")
    return found


def high_water(text):
    return max(_readings(text), key=lambda reading: reading[1])[0]


def range_of(text):
    heights = [height for _, height in _readings(text)]
    return max(heights) - min(heights)


def safe_windows(text, depth):
    windows, open_since, last = [], None, None
    for time, height in _readings(text):
        if height >= depth:
            open_since = open_since or time
            last = time
        elif open_since:
            windows.append((open_since, last))
            open_since = None
    if open_since:
        windows.append((open_since, last))
    return windows
