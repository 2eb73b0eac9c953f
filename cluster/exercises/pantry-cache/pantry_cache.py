class Pantry:
    def __init__(self, size, fresh_for):
        pass

    def sleep(self, days=1):
        pass

    def put(self, name, thing):
        pass

    def get(self, name, default=None):
        pass

    def peek(self, name):
        pass
