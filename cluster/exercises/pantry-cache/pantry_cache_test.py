import unittest

from pantry_cache import Pantry


class PantryTest(unittest.TestCase):
    def setUp(self):
        self.pantry = Pantry(3, 2)

    def fill(self, *names):
        return [self.pantry.put(name, name.upper()) for name in names]

    def test_get_what_was_put_in(self):
        self.fill("egg")
        self.assertEqual(self.pantry.get("egg"), "EGG")

    def test_default_for_what_is_missing(self):
        self.assertEqual(self.pantry.get("egg", "none"), "none")

    def test_the_oldest_goes(self):
        self.assertEqual(self.fill("egg", "jam", "oil", "rye"), [None, None, None, "egg"])

    def test_a_use_keeps_a_thing(self):
        self.fill("egg", "jam", "oil")
        self.pantry.get("egg")
        self.assertEqual(self.fill("rye"), ["jam"])

    def test_peeking_is_no_use(self):
        self.fill("egg", "jam", "oil")
        self.pantry.peek("egg")
        self.assertEqual(self.fill("rye"), ["egg"])

    def test_replacing_drives_nothing_out(self):
        self.fill("egg", "jam", "oil")
        self.assertEqual((self.pantry.put("egg", 2), self.pantry.get("egg")), (None, 2))

    def test_a_thing_spoils(self):
        self.fill("egg")
        self.pantry.sleep()
        self.assertEqual(self.pantry.get("egg"), "EGG")
        self.pantry.sleep()
        self.assertEqual(self.pantry.get("egg", "spoiled"), "spoiled")

    def test_using_a_thing_does_not_make_it_fresher(self):
        self.fill("egg")
        self.pantry.sleep()
        self.pantry.get("egg")
        self.pantry.sleep()
        self.assertEqual("egg" in self.pantry, False)

    def test_replacing_makes_it_fresh(self):
        self.fill("egg")
        self.pantry.sleep()
        self.fill("egg")
        self.pantry.sleep()
        self.assertEqual(self.pantry.peek("egg"), "EGG")

    def test_spoiled_things_go_first_and_unnamed(self):
        self.fill("egg")
        self.pantry.sleep()
        self.fill("jam", "oil")
        self.pantry.get("egg")
        self.pantry.sleep()
        self.assertEqual((self.fill("rye"), list(self.pantry)), ([None], ["jam", "oil", "rye"]))

    def test_length_counts_what_is_fresh(self):
        self.fill("egg", "jam")
        self.pantry.sleep()
        self.fill("oil")
        self.pantry.sleep()
        self.assertEqual(len(self.pantry), 1)

    def test_names_in_order_of_use(self):
        self.fill("egg", "jam", "oil")
        self.pantry.get("jam")
        self.assertEqual(list(self.pantry), ["egg", "oil", "jam"])

    def test_hits_and_misses(self):
        self.fill("egg")
        for name in ("egg", "jam", "egg", "oil", "rye"):
            self.pantry.get(name)
        self.assertEqual((self.pantry.hits, self.pantry.misses), (2, 3))

    def test_peeking_at_a_spoiled_thing(self):
        self.fill("egg")
        self.pantry.sleep(5)
        with self.assertRaises(KeyError) as caught:
            self.pantry.peek("egg")
        self.assertEqual(caught.exception.args, ("egg",))

    def test_sizes_are_checked(self):
        for arguments, name in (((0, 1), "size"), ((1, 0), "fresh_for")):
            with self.subTest(name=name), self.assertRaises(ValueError) as caught:
                Pantry(*arguments)
            self.assertEqual(str(caught.exception), f"{name} must be at least 1")


if __name__ == "__main__":
    unittest.main()
