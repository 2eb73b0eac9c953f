import unittest

from ferry_routes import Ferries

TABLE = """
# the summer timetable
Arun = Bree 4
Bree > Coll 3   # one way
Arun > Coll 9
Coll > Dorn 0

Arun > Dorn 7
Eigg = Fara 2
Arun > Bree 6
"""


class FerriesTest(unittest.TestCase):
    def setUp(self):
        self.ferries = Ferries(TABLE)

    def test_islands_are_sorted(self):
        self.assertEqual(self.ferries.islands(), ["Arun", "Bree", "Coll", "Dorn", "Eigg", "Fara"])

    def test_cheaper_line_counts(self):
        self.assertEqual(self.ferries.price("Arun", "Bree"), 4)

    def test_two_ferries_are_cheaper_than_one(self):
        self.assertEqual(self.ferries.price("Arun", "Coll"), 7)

    def test_both_ways(self):
        self.assertEqual(self.ferries.price("Bree", "Arun"), 4)

    def test_one_way_only(self):
        there, back = self.ferries.price("Bree", "Coll"), self.ferries.price("Coll", "Bree")
        self.assertEqual((there, back), (3, None))

    def test_staying_is_free(self):
        self.assertEqual((self.ferries.price("Eigg", "Eigg"), self.ferries.journey("Eigg", "Eigg")), (0, ["Eigg"]))

    def test_journey_names_every_stop(self):
        self.assertEqual(self.ferries.journey("Arun", "Coll"), ["Arun", "Bree", "Coll"])

    def test_equally_cheap_journeys_prefer_fewer_ferries(self):
        self.assertEqual(self.ferries.journey("Arun", "Dorn"), ["Arun", "Dorn"])

    def test_equally_long_journeys_sort_by_name(self):
        ferries = Ferries("Ayr > Mull 1\nAyr > Iona 1\nMull > Tiree 1\nIona > Tiree 1")
        self.assertEqual(ferries.journey("Ayr", "Tiree"), ["Ayr", "Iona", "Tiree"])

    def test_no_journey(self):
        self.assertEqual(self.ferries.journey("Arun", "Fara"), [])

    def test_reachable_within_a_budget(self):
        self.assertEqual(self.ferries.reachable("Arun", 6), ["Bree"])

    def test_reachable_with_more(self):
        self.assertEqual(self.ferries.reachable("Arun", 7), ["Bree", "Coll", "Dorn"])

    def test_unknown_start(self):
        with self.assertRaises(KeyError) as caught:
            self.ferries.price("Oban", "Arun")
        self.assertEqual(caught.exception.args, ("Oban",))

    def test_unknown_goal(self):
        with self.assertRaises(KeyError) as caught:
            self.ferries.journey("Arun", "Oban")
        self.assertEqual(caught.exception.args, ("Oban",))

    def test_malformed_line_is_numbered(self):
        with self.assertRaises(ValueError) as caught:
            Ferries("Arun = Bree 4\n\n  Bree < Coll 3 ")
        self.assertEqual(str(caught.exception), "line 3: Bree < Coll 3")


if __name__ == "__main__":
    unittest.main()
