import unittest

from seat_map import SeatMap

HALL = ["..__.x", "x.._..", "......"]


class SeatMapTest(unittest.TestCase):
    def setUp(self):
        self.hall = SeatMap(HALL)

    def test_free_seats_are_counted_without_aisles(self):
        self.assertEqual(self.hall.free(), 13)

    def test_taking_a_seat_leaves_one_less(self):
        self.hall.take("A1")
        self.hall.take("C6")
        self.assertEqual(self.hall.free(), 11)

    def test_numbers_skip_the_aisle(self):
        self.hall.take("A3")
        self.assertEqual(self.hall.draw().splitlines()[0], "..__xx")

    def test_drawing_an_untouched_hall(self):
        self.assertEqual(self.hall.draw(), "..__.x\nx.._..\n......")

    def test_a_taken_seat_is_refused(self):
        with self.assertRaises(ValueError) as caught:
            self.hall.take("A4")
        self.assertEqual(str(caught.exception), "seat A4 is taken")

    def test_the_same_seat_twice(self):
        self.hall.take("C2")
        with self.assertRaises(ValueError) as caught:
            self.hall.take("C2")
        self.assertEqual(str(caught.exception), "seat C2 is taken")

    def test_a_seat_beyond_the_row(self):
        with self.assertRaises(KeyError) as caught:
            self.hall.take("A5")
        self.assertEqual(caught.exception.args, ("no seat A5",))

    def test_a_row_beyond_the_hall(self):
        with self.assertRaises(KeyError) as caught:
            self.hall.take("D1")
        self.assertEqual(caught.exception.args, ("no seat D1",))

    def test_two_together_are_found_in_front(self):
        self.assertEqual(self.hall.together(2), ["A1", "A2"])

    def test_three_together_do_not_cross_the_aisle(self):
        self.assertEqual(self.hall.together(3), ["C1", "C2", "C3"])

    def test_together_moves_on_when_seats_go(self):
        self.hall.take("A2")
        self.assertEqual(self.hall.together(2), ["B2", "B3"])

    def test_together_is_none_when_the_hall_is_too_narrow(self):
        self.assertEqual((self.hall.together(7), self.hall.together(1)), (None, ["A1"]))

    def test_an_unknown_sign_is_named(self):
        with self.assertRaises(ValueError) as caught:
            SeatMap(["..", ".?!"])
        self.assertEqual(str(caught.exception), "row B has '?'")


if __name__ == "__main__":
    unittest.main()
