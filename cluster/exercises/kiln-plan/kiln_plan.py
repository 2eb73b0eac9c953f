class Plan:
    def __init__(self, kilns):
        pass

    def add(self, name, ready, minutes, rank=0):
        pass

    def cancel(self, name):
        pass

    def run(self):
        pass

    def done(self):
        pass

    def idle(self, kiln):
        pass
