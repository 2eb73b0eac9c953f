import unittest

from tide_table import high_water, range_of, safe_windows

DAY = """
00:10 120
03:00 340
06:20 -15

09:40 340
12:00 90
"""


class TideTableTest(unittest.TestCase):
    def test_high_water_of_equal_readings_is_the_earliest(self):
        self.assertEqual(high_water(DAY), "03:00")

    def test_high_water_of_one_reading(self):
        self.assertEqual(high_water("23:59 -4"), "23:59")

    def test_high_water_below_zero(self):
        self.assertEqual(high_water("01:00 -40\n02:00 -7\n03:00 -9"), "02:00")

    def test_range_spans_negative_heights(self):
        self.assertEqual(range_of(DAY), 355)

    def test_range_of_one_reading_is_nothing(self):
        self.assertEqual(range_of("10:00 77"), 0)

    def test_windows_split_where_the_water_falls(self):
        self.assertEqual(safe_windows(DAY, 100), [("00:10", "03:00"), ("09:40", "09:40")])

    def test_depth_itself_is_enough(self):
        self.assertEqual(safe_windows(DAY, 340), [("03:00", "03:00"), ("09:40", "09:40")])

    def test_window_reaches_the_last_reading(self):
        self.assertEqual(safe_windows(DAY, 90), [("00:10", "03:00"), ("09:40", "12:00")])

    def test_no_window_at_all(self):
        self.assertEqual(safe_windows(DAY, 1000), [])

    def test_every_reading_is_safe(self):
        self.assertEqual(safe_windows(DAY, -15), [("00:10", "12:00")])

    def test_bad_line_is_quoted(self):
        with self.assertRaises(ValueError) as caught:
            range_of("00:10 120\n  noon 3 \n")
        self.assertEqual(str(caught.exception), "bad reading: noon 3")

    def test_hour_beyond_the_day_is_bad(self):
        with self.assertRaises(ValueError) as caught:
            high_water("24:00 12")
        self.assertEqual(str(caught.exception), "bad reading: 24:00 12")

    def test_nothing_to_read(self):
        for call in (high_water, range_of, lambda text: safe_windows(text, 0)):
            with self.subTest(call=call), self.assertRaises(ValueError) as caught:
                call("\n  \n")
            self.assertEqual(str(caught.exception), "no readings")


if __name__ == "__main__":
    unittest.main()
