import unittest
from fractions import Fraction as F

from exact_mix import inverse, rank, solve, times


class ExactMixTest(unittest.TestCase):
    def refused(self, message, call, *arguments):
        with self.assertRaises(ValueError) as caught:
            call(*arguments)
        self.assertEqual(str(caught.exception), message)

    def test_two_cans(self):
        self.assertEqual(solve([[1, 2], [3, 4]], [5, 6]), [-4, F(9, 2)])

    def test_result_is_of_fractions(self):
        self.assertEqual([type(litres) for litres in solve([[2]], [4])], [F])

    def test_text_counts_exactly(self):
        self.assertEqual(solve([["0.1", "1/3"], [1, 0]], [1, 1]), [1, F(27, 10)])

    def test_first_pivot_is_nought(self):
        self.assertEqual(solve([[0, 1, 0], [1, 0, 0], [0, 0, 2]], [7, 8, 9]), [8, 7, F(9, 2)])

    def test_more_pigments_than_cans(self):
        self.assertEqual(solve([[1, 1], [1, -1], [2, 0]], [3, 1, 4]), [2, 1])

    def test_no_mix(self):
        self.refused("no mix", solve, [[1, 1], [2, 2]], [1, 3])

    def test_many_mixes(self):
        self.refused("many mixes", solve, [[1, 1], [2, 2]], [1, 2])

    def test_fewer_pigments_than_cans(self):
        self.refused("many mixes", solve, [[1, 1]], [1])

    def test_nothing_is_changed(self):
        rows, goal = [[2, 0], [0, 4]], [1, 1]
        self.assertEqual((solve(rows, goal), rows, goal), ([F(1, 2), F(1, 4)], [[2, 0], [0, 4]], [1, 1]))

    def test_rank(self):
        self.assertEqual([rank([[1, 2], [2, 4]]), rank([[0, 0]]), rank([[1, 2, 3], [0, 1, 1], [1, 3, 4]])], [1, 0, 2])

    def test_inverse(self):
        self.assertEqual(inverse([[1, 2], [3, 4]]), [[-2, 1], [F(3, 2), F(-1, 2)]])

    def test_inverse_undoes(self):
        rows = [[2, 0, 1], [0, 3, 0], [1, 0, 1]]
        self.assertEqual(times(rows, inverse(rows)), [[1, 0, 0], [0, 1, 0], [0, 0, 1]])

    def test_no_inverse(self):
        for rows in ([[1, 2], [2, 4]], [[1, 2]], [[0]]):
            with self.subTest(rows=rows):
                self.refused("no inverse", inverse, rows)

    def test_product(self):
        self.assertEqual(times([[1, 2]], [[3], ["1/2"]]), [[4]])

    def test_sizes(self):
        for call in (lambda: solve([[1, 2], [3]], [1, 2]), lambda: solve([[1]], [1, 2]),
                     lambda: times([[1, 2]], [[1, 2]]), lambda: rank([]), lambda: inverse([[1, 2], [3]])):
            with self.subTest(call=call):
                self.refused("sizes do not fit", call)


if __name__ == "__main__":
    unittest.main()
