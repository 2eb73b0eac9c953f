import unittest
from datetime import date

from market_days import market_day, markets_between, next_market


class MarketDayTest(unittest.TestCase):
    def test_third_saturday(self):
        self.assertEqual(market_day("third Saturday", 2026, 3), date(2026, 3, 21))

    def test_first_day_of_the_month_is_the_first(self):
        self.assertEqual(market_day("first Friday", 2026, 5), date(2026, 5, 1))

    def test_last_is_the_fifth_where_there_are_five(self):
        self.assertEqual(market_day("last Monday", 2026, 8), date(2026, 8, 31))

    def test_last_is_the_fourth_where_there_are_four(self):
        self.assertEqual(market_day("last Monday", 2026, 2), date(2026, 2, 23))

    def test_leap_day(self):
        self.assertEqual(market_day("last thursday", 2024, 2), date(2024, 2, 29))

    def test_case_does_not_matter(self):
        self.assertEqual(market_day("SECOND wednesday", 2026, 4), date(2026, 4, 8))

    def test_christmas_is_put_off(self):
        self.assertEqual(market_day("fourth Friday", 2026, 12), date(2026, 12, 26))

    def test_next_market_is_today(self):
        self.assertEqual(next_market("third Saturday", date(2026, 3, 21)), date(2026, 3, 21))

    def test_next_market_is_in_the_next_month(self):
        self.assertEqual(next_market("third Saturday", date(2026, 3, 22)), date(2026, 4, 18))

    def test_next_market_is_in_the_next_year(self):
        self.assertEqual(next_market("first Tuesday", date(2026, 12, 2)), date(2027, 1, 5))

    def test_put_off_market_is_still_to_come_at_christmas(self):
        self.assertEqual(next_market("last Friday", date(2026, 12, 26)), date(2026, 12, 26))

    def test_between_includes_both_ends(self):
        found = markets_between("first Sunday", date(2026, 2, 1), date(2026, 4, 5))
        self.assertEqual(found, [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 5)])

    def test_none_between(self):
        self.assertEqual(markets_between("first Sunday", date(2026, 2, 2), date(2026, 2, 28)), [])

    def test_unknown_position(self):
        with self.assertRaises(ValueError) as caught:
            market_day("fifth Sunday", 2026, 3)
        self.assertEqual(str(caught.exception), "no such rule: fifth Sunday")

    def test_ends_before_it_starts(self):
        with self.assertRaises(ValueError) as caught:
            markets_between("first Sunday", date(2026, 2, 2), date(2026, 2, 1))
        self.assertEqual(str(caught.exception), "ends before it starts")


if __name__ == "__main__":
    unittest.main()
