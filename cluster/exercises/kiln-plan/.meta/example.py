class Plan:
    def __init__(self, kilns):
        if kilns < 1:
            raise ValueError("no kiln")
        self._kilns = kilns
        self._jobs = {}

    def add(self, name, ready, minutes, rank=0):
        if name in self._jobs:
            raise ValueError(f"{name} is planned already")
        if minutes < 1:
            raise ValueError(f"{name} takes no time")
        self._jobs[name] = (ready, minutes, rank)

    def cancel(self, name):
        del self._jobs[name]

    def run(self):
        waiting, free, firings, minute = dict(self._jobs), [0] * self._kilns, [], 0
        while waiting:
            minute = max(minute, min(free), min(ready for ready, _, _ in waiting.values()))
            ready = [name for name, job in waiting.items() if job[0] <= minute]
            name = min(ready, key=lambda job: (-waiting[job][2], waiting[job][0]))
            kiln = next(kiln for kiln, end in enumerate(free) if end <= minute)
            free[kiln] = minute + waiting.pop(name)[1]
            firings.append((minute, kiln + 1, name))
        return firings

    def done(self):
        return max((start + self._jobs[name][1] for start, _, name in self.run()), default=0)

    def idle(self, kiln):
        return self.done() - sum(self._jobs[name][1] for _, used, name in self.run() if used == kiln)
