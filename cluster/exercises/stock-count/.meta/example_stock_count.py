from movements import read


class Stock:
    def __init__(self):
        self._history = {}

    def apply(self, text):
        history = {item: list(counts) for item, counts in self._history.items()}
        movements = read(text)
        for kind, item, count in movements:
            counts = history.setdefault(item, [])
            have = counts[-1] if counts else 0
            if kind == "OUT" and count > have:
                raise ValueError(f"only {have} of {item}")
            counts.append({"IN": have + count, "OUT": have - count, "SET": count}[kind])
        self._history = history
        return len(movements)

    def count(self, item):
        counts = self._history.get(item)
        return counts[-1] if counts else 0

    def items(self):
        there = [item for item in self._history if self.count(item)]
        return sorted(there, key=lambda item: (-self.count(item), item))

    def history(self, item):
        return list(self._history.get(item, ()))
