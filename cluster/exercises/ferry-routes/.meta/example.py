import heapq
import re


class Ferries:
    def __init__(self, text):
        self._ways = {}
        for number, line in enumerate(text.splitlines(), 1):
            said = line.partition("#")[0].strip()
            if not said:
                continue
            match = re.fullmatch(r"([A-Za-z]+) *([>=]) *([A-Za-z]+) +(\d+)", said)
            if match is None:
                raise ValueError(f"line {number}: {line.strip()}")
            start, way, goal, price = match.groups()
            self._add(start, goal, int(price))
            if way == "=":
                self._add(goal, start, int(price))

    def _add(self, start, goal, price):
        self._ways.setdefault(goal, {})
        ways = self._ways.setdefault(start, {})
        ways[goal] = min(price, ways.get(goal, price))

    def _best(self, start):
        if start not in self._ways:
            raise KeyError(start)
        best, waiting = {}, [(0, 1, [start])]
        while waiting:
            price, length, path = heapq.heappop(waiting)
            if path[-1] in best:
                continue
            best[path[-1]] = (price, path)
            for goal, more in self._ways[path[-1]].items():
                if goal not in best:
                    heapq.heappush(waiting, (price + more, length + 1, [*path, goal]))
        return best

    def _found(self, start, goal):
        best = self._best(start)
        if goal not in self._ways:
            raise KeyError(goal)
        return best.get(goal, (None, []))

    def islands(self):
        return sorted(self._ways)

    def price(self, start, goal):
        return self._found(start, goal)[0]

    def journey(self, start, goal):
        return self._found(start, goal)[1]

    def reachable(self, start, budget):
        best = self._best(start)
        return sorted(name for name, (price, _) in best.items() if price <= budget and name != start)
