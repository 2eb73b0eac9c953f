from string import ascii_uppercase


class SeatMap:
    def __init__(self, rows):
        self._rows = [list(row) for row in rows]
        self._places = {}
        for letter, row in zip(ascii_uppercase, self._rows):
            number = 0
            for column, sign in enumerate(row):
                if sign not in ".x_":
                    raise ValueError(f"row {letter} has {sign!r}")
                if sign != "_":
                    number += 1
                    self._places[f"{letter}{number}"] = (row, column)

    def free(self):
        return sum(row.count(".") for row in self._rows)

    def take(self, seat):
        if seat not in self._places:
            raise KeyError(f"no seat {seat}")
        row, column = self._places[seat]
        if row[column] == "x":
            raise ValueError(f"seat {seat} is taken")
        row[column] = "x"

    def together(self, count):
        run, before = [], None
        for seat, (row, column) in self._places.items():
            if before is None or before[0] is not row or before[1] + 1 != column:
                run = []
            before = (row, column)
            run = [*run, seat] if row[column] == "." else []
            if len(run) == count:
                return run
        return None

    def draw(self):
        return "\n".join("".join(row) for row in self._rows)
