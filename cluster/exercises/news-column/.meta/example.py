def column(text, width):
    if width < 2:
        raise ValueError(f"too narrow: {width}")
    lines = []
    for words in _paragraphs(text):
        if lines:
            lines.append(" " * width)
        *full, last = _fill(words, width)
        lines += [_stretch(line, width) for line in full]
        lines.append(" ".join(last).ljust(width))
    return lines


def _paragraphs(text):
    words = []
    for line in [*text.splitlines(), ""]:
        if line.strip():
            words += line.split()
        elif words:
            yield words
            words = []


def _fill(words, width):
    lines = [[]]
    for word in words:
        while len(word) > width:
            if lines[-1]:
                lines.append([])
            lines[-1].append(word[: width - 1] + "-")
            lines.append([])
            word = word[width - 1 :]
        if lines[-1] and len(" ".join([*lines[-1], word])) > width:
            lines.append([])
        lines[-1].append(word)
    return lines


def _stretch(words, width):
    gaps = len(words) - 1
    if not gaps:
        return words[0].ljust(width)
    share, more = divmod(width - sum(map(len, words)), gaps)
    line = words[0]
    for place, word in enumerate(words[1:]):
        line += " " * (share + (place >= gaps - more)) + word
    return line
