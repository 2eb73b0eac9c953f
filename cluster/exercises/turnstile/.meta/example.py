class Turnstile:
    def __init__(self, fare):
        self.fare = fare
        self.state = "locked"
        self.passed = self.kept = self._paid = self._pushes = 0

    def coin(self, value):
        if value not in (5, 10, 20, 50):
            raise ValueError(f"no such coin: {value}")
        if self.state == "locked":
            self._pushes = 0
            self._paid += value
            self.kept += value
            if self._paid >= self.fare:
                self.state = "open"
        return self.state

    def push(self):
        if self.state == "open":
            self.state = "locked"
            self._paid = 0
            self.passed += 1
            return True
        self._pushes += 1
        if self._pushes >= 3:
            self.state = "alarm"
        return False

    def reset(self):
        if self.state != "alarm":
            raise RuntimeError("nothing to reset")
        back = self._paid
        self.kept -= back
        self._paid = self._pushes = 0
        self.state = "locked"
        return back
