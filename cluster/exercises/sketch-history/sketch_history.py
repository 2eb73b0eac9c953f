class Sketch:
    strokes = None

    def draw(self, *strokes):
        pass

    def erase(self, stroke):
        pass

    def undo(self, steps=1):
        pass

    def redo(self, steps=1):
        pass

    def mark(self, name):
        pass

    def go(self, name):
        pass

    def group(self):
        pass
