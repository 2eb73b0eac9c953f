class SeatMap:
    def __init__(self, rows):
        pass

    def free(self):
        pass

    def take(self, seat):
        pass

    def together(self, count):
        pass

    def draw(self):
        pass
