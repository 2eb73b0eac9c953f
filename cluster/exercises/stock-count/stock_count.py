from movements import read


class Stock:
    _counts = {}
    _history = {}

    def apply(self, text):
        for movement in read(text):
            have = self._counts[movement.item]
            if movement.kind == "IN":
                have += movement.count
            elif movement.kind == "OUT":
                if movement.count >= have:
                    raise ValueError(f"only {have} of {movement.item}")
                have -= movement.count
            self._counts[movement.item] = have
            self._history[movement.item] += [have]
        return len(self._counts)

    def count(self, item):
        return self._counts[item] if self._counts else None

    def items(self):
        return sorted(self._counts, key=self._counts.get) or None

    def history(self, item):
        return self._history[item]
