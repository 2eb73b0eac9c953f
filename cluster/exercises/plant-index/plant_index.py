class Index:
    def add(self, name, weight=1):
        pass

    def find(self, start, most=5):
        pass

    def complete(self, start):
        pass

    def remove(self, name):
        pass

    def typo(self, name):
        pass
