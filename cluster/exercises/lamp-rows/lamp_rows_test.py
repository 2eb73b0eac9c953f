import unittest

from lamp_rows import distance, flip, lit, longest, mirror, next_same, row_of


class LampRowsTest(unittest.TestCase):
    def test_lit(self):
        self.assertEqual(lit(0b101001), [0, 3, 5])

    def test_nothing_lit(self):
        self.assertEqual((lit(0), lit(1 << 63)), ([], [63]))

    def test_row_of_lamps(self):
        self.assertEqual(row_of([5, 0, 3, 5]), 41)

    def test_row_of_no_lamps(self):
        self.assertEqual((row_of([]), row_of([63])), (0, 2**63))

    def test_flip_a_stretch(self):
        self.assertEqual(flip(0b1100, 1, 2), 0b1010)

    def test_flip_one_lamp(self):
        self.assertEqual(flip(0, 63, 63), 2**63)

    def test_flip_twice_is_nothing(self):
        self.assertEqual(flip(flip(0b10011, 0, 40), 0, 40), 0b10011)

    def test_longest_run(self):
        self.assertEqual([longest(row) for row in (0, 1, 0b1011101, 0b110110)], [0, 1, 3, 2])

    def test_longest_run_of_all(self):
        self.assertEqual(longest(2**64 - 1), 64)

    def test_mirror(self):
        self.assertEqual(mirror(0b0011, 4), 0b1100)

    def test_mirror_leaves_lamps_beyond_off(self):
        self.assertEqual(mirror(0b11010001, 4), 0b1000)

    def test_distance(self):
        self.assertEqual(distance(0b1010, 0b0110), 2)

    def test_distance_to_itself(self):
        self.assertEqual((distance(77, 77), distance(0, 2**64 - 1)), (0, 64))

    def test_next_with_as_many_lamps(self):
        self.assertEqual([next_same(row) for row in (1, 3, 5, 6, 0b1110)], [2, 5, 6, 9, 0b10011])

    def test_next_of_none(self):
        self.assertEqual(next_same(0), 0)

    def test_lamp_out_of_the_row(self):
        for lamp in (-1, 64):
            with self.subTest(lamp=lamp), self.assertRaises(ValueError) as caught:
                row_of([1, lamp])
            self.assertEqual(str(caught.exception), f"no lamp {lamp}")

    def test_empty_stretch(self):
        with self.assertRaises(ValueError) as caught:
            flip(0, 4, 3)
        self.assertEqual(str(caught.exception), "empty stretch")


if __name__ == "__main__":
    unittest.main()
