class Purse:
    def __init__(self, names):
        pass

    def paid(self, by, amount, among=None):
        pass

    def balance(self, name):
        pass

    def settle(self):
        pass
