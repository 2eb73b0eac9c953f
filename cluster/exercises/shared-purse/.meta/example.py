class Purse:
    def __init__(self, names):
        self._cents = {}
        for name in names:
            if name in self._cents:
                raise ValueError(f"twice: {name}")
            self._cents[name] = 0

    def paid(self, by, amount, among=None):
        people = list(self._cents) if among is None else list(among)
        for name in (by, *people):
            self.balance(name)
        if amount < 1:
            raise ValueError(f"amount must be positive: {amount}")
        if not people:
            raise ValueError("for nobody")
        share, rest = divmod(amount, len(people))
        self._cents[by] += amount
        for place, name in enumerate(people):
            self._cents[name] -= share + (place < rest)

    def balance(self, name):
        return self._cents[name]

    def settle(self):
        payments = []
        while any(self._cents.values()):
            debtor = min(self._cents, key=self._cents.get)
            creditor = max(self._cents, key=self._cents.get)
            cents = min(-self._cents[debtor], self._cents[creditor])
            self._cents[debtor] += cents
            self._cents[creditor] -= cents
            payments.append((debtor, creditor, cents))
        return payments
