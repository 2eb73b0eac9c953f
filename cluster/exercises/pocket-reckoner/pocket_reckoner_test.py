import unittest

from pocket_reckoner import Reckoner


class ReckonerTest(unittest.TestCase):
    def setUp(self):
        self.reckoner = Reckoner()

    def refused(self, line, message):
        with self.assertRaises(ValueError) as caught:
            self.reckoner.say(line)
        self.assertEqual(str(caught.exception), message)

    def test_number(self):
        self.assertEqual(self.reckoner.say(" 042 "), 42)

    def test_products_before_sums(self):
        self.assertEqual(self.reckoner.say("2+3*4-6/2"), 11)

    def test_from_left_to_right(self):
        self.assertEqual([self.reckoner.say(line) for line in ("9-4-3", "48/4/2*3")], [2, 18])

    def test_brackets(self):
        self.assertEqual(self.reckoner.say("(2+3)*(4-(1-2))"), 25)

    def test_power_from_right_to_left(self):
        self.assertEqual(self.reckoner.say("2^3^2"), 512)

    def test_minus_is_weaker_than_power(self):
        self.assertEqual(self.reckoner.say("-2^2 + --1"), -3)

    def test_minus_behind_an_operator(self):
        self.assertEqual(self.reckoner.say("3*-2"), -6)

    def test_division_rounds_towards_zero(self):
        self.assertEqual([self.reckoner.say(line) for line in ("7/2", "-7/2", "7/-2")], [3, -3, -3])

    def test_remainder_has_the_sign_of_the_left(self):
        self.assertEqual([self.reckoner.say(line) for line in ("7%3", "-7%3", "7%-3")], [1, -1, 1])

    def test_large_numbers_are_exact(self):
        self.assertEqual(self.reckoner.say("(10^30+1)/7%1000"), 857)

    def test_names_are_kept(self):
        self.assertEqual(self.reckoner.say("rate = 4"), 4)
        self.assertEqual(self.reckoner.say("3 * (rate+1)"), 15)

    def test_names_in_order(self):
        for line in ("b = 2", "a = b^3", "b = b+1"):
            self.reckoner.say(line)
        self.assertEqual(list(self.reckoner.names().items()), [("a", 8), ("b", 3)])

    def test_unknown_name(self):
        self.refused("2 + rate", "unknown name rate")

    def test_a_failed_line_keeps_nothing(self):
        self.refused("x = 1 / 0", "division by zero")
        self.assertEqual(self.reckoner.names(), {})

    def test_unexpected_sign(self):
        self.refused("2 + * 3", "unexpected '*'")

    def test_two_numbers_in_a_row(self):
        self.refused("(2 17)", "unexpected '17'")

    def test_unexpected_end(self):
        self.refused("(2 + 3", "unexpected end")

    def test_empty_line(self):
        self.refused("  ", "unexpected end")

    def test_negative_power(self):
        self.refused("2^-1", "negative power")


if __name__ == "__main__":
    unittest.main()
