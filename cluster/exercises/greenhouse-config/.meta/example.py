import re

_NAME = r"[a-z_]+"
_PATH = rf"{_NAME}(?:\.{_NAME})*"
_QUOTED = r'"[^"]*"'


def load(text):
    whole, section, path = {}, None, []
    section = whole
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.match(rf'(?:[^"#]|{_QUOTED}|"(?!.*"))*', raw)[0].strip()
        try:
            if match := re.fullmatch(rf"\[({_PATH})\]", line):
                path = match[1].split(".")
                section = _enter(whole, path)
            elif line:
                _set(whole, section, path, line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return whole


def _enter(whole, path):
    section = whole
    for depth, name in enumerate(path, 1):
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise ValueError(f"{'.'.join(path[:depth])} is there already")
    return section


def _set(whole, section, path, line):
    match = re.fullmatch(rf"({_NAME})\s*=\s*(\S.*)", line)
    if match is None:
        raise ValueError("not a setting")
    name, said = match.groups()
    if name in section:
        raise ValueError(f"{'.'.join([*path, name])} is there already")
    parts = re.split(rf",(?=(?:[^\"]*{_QUOTED})*[^\"]*$)", said)
    values = [_value(whole, part.strip()) for part in parts]
    section[name] = values if len(values) > 1 else values[0]


def _value(whole, word):
    if word in ("yes", "no"):
        return word == "yes"
    if re.fullmatch(r"-?\d+", word):
        return int(word)
    if re.fullmatch(r"-?\d+\.\d+", word):
        return float(word)
    if re.fullmatch(_QUOTED, word):
        return word[1:-1]
    if not re.fullmatch(rf"\${_PATH}", word):
        raise ValueError(f"no value: {word}")
    found = whole
    for name in word[1:].split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if found is None or isinstance(found, dict):
        raise ValueError(f"{word} is not known")
    return found
