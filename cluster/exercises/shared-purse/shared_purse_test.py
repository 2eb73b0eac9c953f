import unittest

from shared_purse import Purse


class PurseTest(unittest.TestCase):
    def setUp(self):
        self.purse = Purse(["Ada", "Ben", "Cyd"])

    def balances(self):
        return [self.purse.balance(name) for name in ("Ada", "Ben", "Cyd")]

    def test_a_new_purse_is_even(self):
        self.assertEqual(self.balances(), [0, 0, 0])

    def test_payment_for_all(self):
        self.purse.paid("Ben", 900)
        self.assertEqual(self.balances(), [-300, 600, -300])

    def test_odd_cents_fall_on_the_first(self):
        self.purse.paid("Cyd", 101)
        self.assertEqual(self.balances(), [-34, -34, 68])

    def test_odd_cents_follow_the_order_given(self):
        self.purse.paid("Ada", 5, ["Cyd", "Ben"])
        self.assertEqual(self.balances(), [5, -2, -3])

    def test_payer_not_among_them(self):
        self.purse.paid("Ada", 50, ["Ben"])
        self.assertEqual(self.balances(), [50, -50, 0])

    def test_payments_add_up(self):
        self.purse.paid("Ada", 300)
        self.purse.paid("Ben", 30, ["Ada", "Cyd"])
        self.assertEqual(self.balances(), [185, -70, -115])

    def test_settling_lists_the_largest_first(self):
        self.purse.paid("Ada", 300)
        self.purse.paid("Ben", 30, ["Ada", "Cyd"])
        self.assertEqual(self.purse.settle(), [("Cyd", "Ada", 115), ("Ben", "Ada", 70)])

    def test_settling_leaves_all_even(self):
        self.purse.paid("Cyd", 77)
        self.assertEqual(len(self.purse.settle()), 2)
        self.assertEqual(self.balances(), [0, 0, 0])

    def test_equals_settle_in_the_order_of_names(self):
        self.purse.paid("Cyd", 90)
        self.assertEqual(self.purse.settle(), [("Ada", "Cyd", 30), ("Ben", "Cyd", 30)])

    def test_even_people_have_nothing_to_settle(self):
        self.assertEqual(self.purse.settle(), [])

    def test_unknown_payer(self):
        with self.assertRaises(KeyError) as caught:
            self.purse.paid("Dan", 10)
        self.assertEqual(caught.exception.args, ("Dan",))

    def test_a_refused_payment_changes_nothing(self):
        with self.assertRaises(KeyError):
            self.purse.paid("Ada", 10, ["Ben", "Dan"])
        self.assertEqual(self.balances(), [0, 0, 0])

    def test_amount_must_be_positive(self):
        with self.assertRaises(ValueError) as caught:
            self.purse.paid("Ada", 0)
        self.assertEqual(str(caught.exception), "amount must be positive: 0")

    def test_for_nobody(self):
        with self.assertRaises(ValueError) as caught:
            self.purse.paid("Ada", 10, [])
        self.assertEqual(str(caught.exception), "for nobody")

    def test_name_given_twice(self):
        with self.assertRaises(ValueError) as caught:
            Purse(["Ada", "Eve", "Eve"])
        self.assertEqual(str(caught.exception), "twice: Eve")


if __name__ == "__main__":
    unittest.main()
