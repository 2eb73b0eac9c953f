class Pantry:
    def __init__(self, size, fresh_for):
        if size < 1:
            raise ValueError("size must be at least 1")
        if fresh_for < 1:
            raise ValueError("fresh_for must be at least 1")
        self._size, self._fresh_for, self._today = size, fresh_for, 0
        self._things = {}
        self.hits = self.misses = 0

    def _fresh(self, name):
        return name in self._things and self._today < self._things[name][1] + self._fresh_for

    def sleep(self, days=1):
        self._today += days

    def put(self, name, thing):
        self._things.pop(name, None)
        gone = None
        if len(self._things) >= self._size:
            self._things = {key: kept for key, kept in self._things.items() if self._fresh(key)}
        if len(self._things) >= self._size:
            gone = next(iter(self._things))
            del self._things[gone]
        self._things[name] = (thing, self._today)
        return gone

    def get(self, name, default=None):
        if not self._fresh(name):
            self.misses += 1
            return default
        self.hits += 1
        self._things[name] = self._things.pop(name)
        return self._things[name][0]

    def peek(self, name):
        if not self._fresh(name):
            raise KeyError(name)
        return self._things[name][0]

    def __len__(self):
        return sum(1 for _ in self)

    def __contains__(self, name):
        return self._fresh(name)

    def __iter__(self):
        return iter([name for name in self._things if self._fresh(name)])
