import unittest

from library_hours import both, is_open, minutes, tidy, without

WEEKDAY = "14:00-18:00 09:00-12:30"


class LibraryHoursTest(unittest.TestCase):
    def test_tidy_sorts(self):
        self.assertEqual(tidy(WEEKDAY), "09:00-12:30 14:00-18:00")

    def test_tidy_joins_what_overlaps(self):
        self.assertEqual(tidy("10:00-12:00 11:59-13:00 09:00-09:30"), "09:00-09:30 10:00-13:00")

    def test_tidy_joins_what_touches(self):
        self.assertEqual(tidy("12:00-13:00 11:00-12:00"), "11:00-13:00")

    def test_tidy_drops_what_is_inside(self):
        self.assertEqual(tidy(" 08:00-20:00   09:00-10:00 "), "08:00-20:00")

    def test_never_open(self):
        self.assertEqual((tidy(""), minutes("")), ("", 0))

    def test_whole_day(self):
        self.assertEqual(minutes("12:00-24:00 00:00-12:00"), 1440)

    def test_minutes_are_counted_once(self):
        self.assertEqual(minutes("09:00-10:00 09:30-10:15"), 75)

    def test_both(self):
        self.assertEqual(both(WEEKDAY, "12:00-15:30 17:00-20:00"), "12:00-12:30 14:00-15:30 17:00-18:00")

    def test_both_that_only_touch(self):
        self.assertEqual((both("09:00-10:00", "10:00-11:00"), both(WEEKDAY, "09:00-09:01")), ("", "09:00-09:01"))

    def test_without_a_stretch_inside(self):
        self.assertEqual(without("08:00-12:00", "09:00-09:30 10:00-10:15"), "08:00-09:00 09:30-10:00 10:15-12:00")

    def test_without_over_the_edges(self):
        self.assertEqual(without(WEEKDAY, "00:00-10:00 17:59-24:00"), "10:00-12:30 14:00-17:59")

    def test_beginning_is_open_and_end_is_not(self):
        found = [is_open(WEEKDAY, time) for time in ("08:59", "09:00", "12:29", "12:30", "14:00")]
        self.assertEqual(found, [False, True, True, False, True])

    def test_backward_stretch(self):
        with self.assertRaises(ValueError) as caught:
            tidy("09:00-10:00 12:00-11:00")
        self.assertEqual(str(caught.exception), "no stretch: 12:00-11:00")

    def test_stretch_beyond_the_day(self):
        with self.assertRaises(ValueError) as caught:
            minutes("23:00-24:01")
        self.assertEqual(str(caught.exception), "no stretch: 23:00-24:01")

    def test_midnight_is_no_time_to_ask_for(self):
        with self.assertRaises(ValueError) as caught:
            is_open("00:00-24:00", "24:00")
        self.assertEqual(str(caught.exception), "no time: 24:00")


if __name__ == "__main__":
    unittest.main()
