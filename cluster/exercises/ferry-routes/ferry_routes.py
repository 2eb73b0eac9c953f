class Ferries:
    def __init__(self, text):
        pass

    def islands(self):
        pass

    def price(self, start, goal):
        pass

    def journey(self, start, goal):
        pass

    def reachable(self, start, budget):
        pass
