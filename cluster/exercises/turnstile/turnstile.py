class Turnstile:
    def __init__(self, fare):
        pass

    def coin(self, value):
        pass

    def push(self):
        pass

    def reset(self):
        pass
