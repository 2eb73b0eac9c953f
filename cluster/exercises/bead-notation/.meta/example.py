from collections import Counter
from itertools import groupby
from string import ascii_lowercase, digits


def _parse(text, one, join, repeat):
    stack, numbers, place = [[]], [], 0
    while place < len(text):
        sign, number = text[place], 1
        if sign == ")":
            if len(stack) == 1 or not stack[-1]:
                raise ValueError(f"at {place}: unexpected ')'")
            group = join(stack.pop())
            stack[-1].append(repeat(group, numbers.pop()))
            place += 1
            continue
        if sign in digits:
            start = place
            while place < len(text) and text[place] in digits:
                place += 1
            written = text[start:place]
            if written[0] == "0" or int(written) < 2:
                raise ValueError(f"at {start}: bad number")
            if place == len(text):
                break
            number, sign = int(written), text[place]
        elif sign == "(":
            raise ValueError(f"at {place}: unexpected '('")
        if sign == "(":
            stack.append([])
            numbers.append(number)
        elif sign in ascii_lowercase:
            stack[-1].append(repeat(one(sign), number))
        else:
            raise ValueError(f"at {place}: unexpected {sign!r}")
        place += 1
    if len(stack) > 1 or text[-1:].isdigit():
        raise ValueError(f"at {len(text)}: unexpected end")
    return join(stack[0])


def read(notation):
    return _parse(notation, str, "".join, lambda text, times: text * times)


def write(beads):
    for sign in beads:
        if sign not in ascii_lowercase:
            raise ValueError(f"no bead: {sign!r}")
    runs = [(letter, len(list(run))) for letter, run in groupby(beads)]
    return "".join(f"{length if length > 1 else ''}{letter}" for letter, length in runs)


def count(notation):
    def join(parts):
        whole = Counter()
        for part in parts:
            whole.update(part)
        return whole

    def repeat(part, times):
        return Counter({letter: number * times for letter, number in part.items()})

    return dict(_parse(notation, lambda letter: Counter({letter: 1}), join, repeat))
