import unittest

from garden_beds import neighbours, snail, stripes, turned

BED = [["a", "b", "c"], ["d", "e", "f"]]


class GardenBedsTest(unittest.TestCase):
    def test_one_quarter_clockwise(self):
        self.assertEqual(turned(BED, 1), [["d", "a"], ["e", "b"], ["f", "c"]])

    def test_one_quarter_back(self):
        self.assertEqual(turned(BED, -1), [["c", "f"], ["b", "e"], ["a", "d"]])

    def test_half_a_turn(self):
        self.assertEqual(turned(BED, 2), [["f", "e", "d"], ["c", "b", "a"]])

    def test_no_turn_is_a_copy(self):
        found = turned(BED, 4)
        self.assertEqual((found, found is BED, found[0] is BED[0]), (BED, False, False))

    def test_snail(self):
        self.assertEqual("".join(snail(BED)), "abcfed")

    def test_snail_winds_inwards(self):
        bed = ["abcd", "efgh", "ijkl", "mnop"]
        self.assertEqual("".join(snail([list(row) for row in bed])), "abcdhlponmiefgkj")

    def test_snail_in_one_column(self):
        self.assertEqual(snail([["x"], ["y"], ["z"]]), ["x", "y", "z"])

    def test_snail_leaves_the_bed_alone(self):
        bed = [["a", "b"], ["c", "d"]]
        self.assertEqual((snail(bed), bed), (["a", "b", "d", "c"], [["a", "b"], ["c", "d"]]))

    def test_stripes(self):
        self.assertEqual(["".join(stripe) for stripe in stripes(BED)], ["d", "ae", "bf", "c"])

    def test_stripes_of_one_row(self):
        self.assertEqual(stripes([[1, 2, 3]]), [[1], [2], [3]])

    def test_neighbours_in_the_middle_and_the_corner(self):
        self.assertEqual(neighbours(BED, 0, 1), ["c", "e", "a"])
        self.assertEqual(neighbours(BED, 1, 2), ["c", "e"])

    def test_neighbours_of_the_only_plant(self):
        self.assertEqual(neighbours([["x"]], 0, 0), [])

    def test_place_outside(self):
        with self.assertRaises(IndexError) as caught:
            neighbours(BED, -1, 0)
        self.assertEqual(str(caught.exception), "no place -1, 0")

    def test_rows_of_different_lengths(self):
        for call in (snail, stripes, lambda bed: turned(bed, 1), lambda bed: neighbours(bed, 0, 0)):
            with self.subTest(call=call), self.assertRaises(ValueError) as caught:
                call([["a", "b"], ["c"]])
            self.assertEqual(str(caught.exception), "not a bed")

    def test_empty_bed(self):
        with self.assertRaises(ValueError) as caught:
            turned([], 1)
        self.assertEqual(str(caught.exception), "not a bed")


if __name__ == "__main__":
    unittest.main()
