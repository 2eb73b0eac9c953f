import unittest
from fractions import Fraction

from fenced_meadow import area, fence, turn, where

SQUARE = [(0, 0), (4, 0), (4, 4), (0, 4)]
ARROW = [(0, 0), (6, 0), (6, 6), (3, 2), (0, 6)]
SLIVER = [(0, 0), (3, 4), (0, 1)]


class FencedMeadowTest(unittest.TestCase):
    def test_fence_of_a_square(self):
        self.assertAlmostEqual(fence(SQUARE), 16.0)

    def test_fence_with_slanted_sides(self):
        self.assertAlmostEqual(fence(ARROW), 28.0)

    def test_area_of_a_square(self):
        self.assertEqual(area(SQUARE), 16)

    def test_area_is_exact(self):
        found = area(SLIVER)
        self.assertEqual((type(found), found), (Fraction, Fraction(3, 2)))

    def test_area_does_not_depend_on_the_direction(self):
        self.assertEqual(area(ARROW[::-1]), 24)

    def test_anticlockwise_turns_left(self):
        self.assertEqual(turn(ARROW), "left")

    def test_clockwise_turns_right(self):
        self.assertEqual(turn(SQUARE[::-1]), "right")

    def test_point_inside(self):
        self.assertEqual(where(ARROW, (3, 1)), "inside")

    def test_point_in_the_notch_is_outside(self):
        self.assertEqual(where(ARROW, (3, 4)), "outside")

    def test_point_on_a_side(self):
        self.assertEqual(where(SQUARE, (4, 1)), "fence")

    def test_point_on_a_corner(self):
        self.assertEqual(where(ARROW, (3, 2)), "fence")

    def test_point_in_line_with_a_side_but_beyond(self):
        self.assertEqual(where(SQUARE, (9, 4)), "outside")

    def test_point_level_with_a_corner(self):
        self.assertEqual(where(ARROW, (1, 2)), "inside")

    def test_inside_either_way_round(self):
        self.assertEqual(where(ARROW[::-1], (5, 2)), "inside")

    def test_two_corners(self):
        with self.assertRaises(ValueError) as caught:
            fence([(0, 0), (1, 1)])
        self.assertEqual(str(caught.exception), "a meadow has three corners or more")

    def test_corners_in_a_line(self):
        with self.assertRaises(ValueError) as caught:
            area([(0, 0), (1, 1), (3, 3)])
        self.assertEqual(str(caught.exception), "no area")


if __name__ == "__main__":
    unittest.main()
