import re


class Reckoner:
    def __init__(self):
        self._names = {}

    def say(self, line):
        self._words = re.findall(r"\d+|[A-Za-z]+|\S", line)
        if len(self._words) > 1 and self._words[0].isalpha() and self._words[1] == "=":
            name = self._words[0]
            self._words = self._words[2:]
            value = self._whole()
            self._names[name] = value
            return value
        return self._whole()

    def names(self):
        return dict(sorted(self._names.items()))

    def _whole(self):
        value = self._sum()
        if self._words:
            raise ValueError(f"unexpected {self._words[0]!r}")
        return value

    def _takes(self, signs):
        return self._words.pop(0) if self._words and self._words[0] in signs else None

    def _sum(self):
        value = self._product()
        while sign := self._takes(["+", "-"]):
            other = self._product()
            value = value + other if sign == "+" else value - other
        return value

    def _product(self):
        value = self._minus()
        while sign := self._takes(["*", "/", "%"]):
            other = self._minus()
            if sign == "*":
                value *= other
                continue
            if not other:
                raise ValueError("division by zero")
            quotient = abs(value) // abs(other)
            if (value < 0) != (other < 0):
                quotient = -quotient
            value = quotient if sign == "/" else value - quotient * other
        return value

    def _minus(self):
        return -self._minus() if self._takes(["-"]) else self._power()

    def _power(self):
        base = self._atom()
        if not self._takes(["^"]):
            return base
        exponent = self._minus()
        if exponent < 0:
            raise ValueError("negative power")
        return base**exponent

    def _atom(self):
        if not self._words:
            raise ValueError("unexpected end")
        word = self._words.pop(0)
        if word.isdigit():
            return int(word)
        if word.isalpha():
            if word not in self._names:
                raise ValueError(f"unknown name {word}")
            return self._names[word]
        if word != "(":
            raise ValueError(f"unexpected {word!r}")
        value = self._sum()
        if not self._words:
            raise ValueError("unexpected end")
        if not self._takes([")"]):
            raise ValueError(f"unexpected {self._words[0]!r}")
        return value
