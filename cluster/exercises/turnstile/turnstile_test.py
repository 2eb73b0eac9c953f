import unittest

from turnstile import Turnstile


class TurnstileTest(unittest.TestCase):
    def setUp(self):
        self.gate = Turnstile(30)

    def test_new_gate(self):
        self.assertEqual((self.gate.state, self.gate.passed, self.gate.kept), ("locked", 0, 0))

    def test_too_little_keeps_it_locked(self):
        self.assertEqual(self.gate.coin(20), "locked")

    def test_coins_add_up_to_the_fare(self):
        self.assertEqual([self.gate.coin(value) for value in (20, 5, 5)], ["locked", "locked", "open"])

    def test_open_gate_lets_one_through(self):
        self.gate.coin(50)
        self.assertEqual([self.gate.push(), self.gate.push()], [True, False])

    def test_overpayment_is_lost(self):
        self.gate.coin(50)
        self.gate.push()
        self.assertEqual((self.gate.coin(20), self.gate.kept), ("locked", 70))

    def test_coin_falls_through_an_open_gate(self):
        self.gate.coin(50)
        self.assertEqual((self.gate.coin(10), self.gate.kept), ("open", 50))

    def test_people_are_counted(self):
        for _ in range(3):
            self.gate.coin(50)
            self.gate.push()
        self.assertEqual((self.gate.passed, self.gate.kept), (3, 150))

    def test_three_pushes_sound_the_alarm(self):
        self.assertEqual([self.gate.push() for _ in range(3)], [False, False, False])
        self.assertEqual(self.gate.state, "alarm")

    def test_a_coin_starts_the_count_anew(self):
        self.gate.push()
        self.gate.push()
        self.gate.coin(5)
        self.gate.push()
        self.assertEqual(self.gate.state, "locked")

    def test_passing_starts_the_count_anew(self):
        self.gate.push()
        self.gate.push()
        self.gate.coin(50)
        self.gate.push()
        self.gate.push()
        self.assertEqual(self.gate.state, "locked")

    def test_alarm_keeps_no_coin(self):
        for _ in range(3):
            self.gate.push()
        self.assertEqual((self.gate.coin(50), self.gate.kept, self.gate.push()), ("alarm", 0, False))

    def test_reset_gives_back_what_was_not_used(self):
        self.gate.coin(20)
        for _ in range(3):
            self.gate.push()
        self.assertEqual((self.gate.reset(), self.gate.kept, self.gate.state), (20, 0, "locked"))

    def test_after_a_reset_the_full_fare_is_due(self):
        self.gate.coin(20)
        for _ in range(3):
            self.gate.push()
        self.gate.reset()
        self.assertEqual(self.gate.coin(20), "locked")

    def test_reset_without_alarm(self):
        with self.assertRaises(RuntimeError) as caught:
            self.gate.reset()
        self.assertEqual(str(caught.exception), "nothing to reset")

    def test_unknown_coin(self):
        with self.assertRaises(ValueError) as caught:
            self.gate.coin(25)
        self.assertEqual(str(caught.exception), "no such coin: 25")


if __name__ == "__main__":
    unittest.main()
