import operator
import re
from functools import total_ordering

_NUMBER = "(0|[1-9][0-9]*)"
_TESTS = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "!=": operator.ne,
}
_PARTS = ["year", "step", "fix"]


@total_ordering
class Release:
    def __init__(self, text):
        match = re.fullmatch(rf"{_NUMBER}\.{_NUMBER}(?:\.{_NUMBER})?(?:(a|b|rc)([1-9][0-9]*))?", text)
        if match is None:
            raise ValueError(f"no release: {text}")
        self._numbers = [int(number or 0) for number in match.groups()[:3]]
        self._stage, self._number = match[4] or "z", int(match[5] or 0)

    @property
    def _key(self):
        return (*self._numbers, self._stage, self._number)

    @property
    def final(self):
        return self._stage == "z"

    def __eq__(self, other):
        return self._key == other._key if isinstance(other, Release) else NotImplemented

    def __lt__(self, other):
        return self._key < other._key if isinstance(other, Release) else NotImplemented

    def __hash__(self):
        return hash(self._key)

    def __str__(self):
        stage = "" if self.final else f"{self._stage}{self._number}"
        return ".".join(map(str, self._numbers)) + stage

    def next(self, part):
        if part not in _PARTS:
            raise ValueError(f"no part: {part}")
        place = _PARTS.index(part)
        numbers = self._numbers[: place + 1] + [0] * (2 - place)
        if self.final or any(self._numbers[place + 1 :]):
            numbers[place] += 1
        return Release(".".join(map(str, numbers)))


def choose(releases, rule):
    conditions = []
    for condition in rule.split(",") if rule.strip() else []:
        match = re.fullmatch(r"\s*(>=|<=|!=|>|<|=)\s*(\S+)\s*", condition)
        try:
            conditions.append((_TESTS[match[1]], Release(match[2])))
        except (TypeError, ValueError):
            raise ValueError(f"no rule: {rule}") from None
    stages = any(not wanted.final for _, wanted in conditions)
    fitting = [
        text
        for text in releases
        if (stages or Release(text).final)
        and all(test(Release(text), wanted) for test, wanted in conditions)
    ]
    return max(fitting, key=Release, default=None)
