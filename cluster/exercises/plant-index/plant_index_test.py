import unittest

from plant_index import Index


class IndexTest(unittest.TestCase):
    def setUp(self):
        self.index = Index()
        for name, weight in (("Maple", 3), ("Marigold", 3), ("mallow", 8), ("Mint", 1), ("Rue", 2)):
            self.index.add(name, weight)

    def test_heaviest_first(self):
        self.assertEqual(self.index.find("ma"), ["mallow", "Maple", "Marigold"])

    def test_case_is_ignored(self):
        self.assertEqual(self.index.find("MAR"), ["Marigold"])

    def test_no_more_than_asked_for(self):
        self.assertEqual(self.index.find("m", most=2), ["mallow", "Maple"])

    def test_empty_start_finds_all(self):
        self.assertEqual(self.index.find(""), ["mallow", "Maple", "Marigold", "Rue", "Mint"])

    def test_five_unless_told(self):
        self.index.add("Thyme")
        self.assertEqual((len(self.index.find("")), self.index.find("", 9)[-1]), (5, "Thyme"))

    def test_nothing_found(self):
        self.assertEqual((self.index.find("x"), self.index.find("maples")), ([], []))

    def test_weight_is_added(self):
        self.index.add("MINT", 9)
        self.assertEqual(self.index.find("m", 2), ["Mint", "mallow"])

    def test_complete(self):
        self.assertEqual([self.index.complete(start) for start in ("m", "map", "R")], ["m", "maple", "rue"])

    def test_complete_to_what_is_common(self):
        self.index.add("Rubus")
        self.assertEqual((self.index.complete("r"), self.index.complete("Xy")), ("ru", "xy"))

    def test_removed_plant(self):
        self.index.remove("MALLOW")
        self.assertEqual(self.index.find("ma"), ["Maple", "Marigold"])

    def test_removing_an_unknown_plant(self):
        with self.assertRaises(KeyError) as caught:
            self.index.remove("Fern")
        self.assertEqual(caught.exception.args, ("Fern",))

    def test_typos(self):
        found = [self.index.typo(name) for name in ("mapel", "maplle", "mple", "Mable")]
        self.assertEqual(found, [["maple"]] * 4)

    def test_two_changes_are_too_many(self):
        self.assertEqual((self.index.typo("mabel"), self.index.typo("elpam"), self.index.typo("run")), ([], [], ["rue"]))

    def test_several_typos_without_the_name_itself(self):
        for name in ("Hop", "Hope", "Hot", "Ho", "Pho"):
            self.index.add(name)
        self.assertEqual(self.index.typo("hop"), ["ho", "hope", "hot"])

    def test_no_name(self):
        with self.assertRaises(ValueError) as caught:
            self.index.add("  ")
        self.assertEqual(str(caught.exception), "no name")


if __name__ == "__main__":
    unittest.main()
