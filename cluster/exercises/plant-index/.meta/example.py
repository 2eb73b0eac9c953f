from os.path import commonprefix


class Index:
    def __init__(self):
        self._plants = {}

    def add(self, name, weight=1):
        if not name.strip():
            raise ValueError("no name")
        written, before = self._plants.get(name.lower(), (name, 0))
        self._plants[name.lower()] = (written, before + weight)

    def _starting(self, start):
        return [key for key in self._plants if key.startswith(start.lower())]

    def find(self, start, most=5):
        keys = sorted(self._starting(start), key=lambda key: (-self._plants[key][1], key))
        return [self._plants[key][0] for key in keys[:most]]

    def complete(self, start):
        return commonprefix(self._starting(start)) or start.lower()

    def remove(self, name):
        if name.lower() not in self._plants:
            raise KeyError(name)
        del self._plants[name.lower()]

    def typo(self, name):
        return sorted(key for key in self._plants if _one_change(key, name.lower()))


def _one_change(one, other):
    if one == other:
        return False
    same = len(commonprefix([one, other]))
    a, b = one[same:], other[same:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
