from contextlib import contextmanager


class Sketch:
    def __init__(self):
        self.strokes = ()
        self._past, self._future, self._marks, self._grouped = [], [], {}, False

    def _step(self, strokes):
        if not self._grouped:
            self._past.append(self.strokes)
            self._future.clear()
        self.strokes = strokes

    def draw(self, *strokes):
        if strokes:
            self._step((*self.strokes, *strokes))

    def erase(self, stroke):
        if stroke not in self.strokes:
            raise ValueError(f"no such stroke: {stroke}")
        place = len(self.strokes) - 1 - self.strokes[::-1].index(stroke)
        self._step(self.strokes[:place] + self.strokes[place + 1 :])

    def _move(self, source, target, steps):
        if self._grouped:
            raise RuntimeError("in a group")
        possible = min(steps, len(source))
        for _ in range(possible):
            target.append(self.strokes)
            self.strokes = source.pop()
        return possible

    def undo(self, steps=1):
        return self._move(self._past, self._future, steps)

    def redo(self, steps=1):
        return self._move(self._future, self._past, steps)

    def mark(self, name):
        self._marks[name] = self.strokes

    def go(self, name):
        self._step(self._marks[name])

    @contextmanager
    def group(self):
        outer, before = not self._grouped, self.strokes
        self._grouped = True
        try:
            yield self
        except BaseException:
            self.strokes = before
            raise
        finally:
            if outer:
                self._grouped = False
        if outer and self.strokes != before:
            after, self.strokes = self.strokes, before
            self._step(after)
