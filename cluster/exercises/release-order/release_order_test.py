import unittest

import release_order
from release_order import choose

KNOWN = ["26.4", "26.10", "26.4.1", "27.0rc1", "26.9.3", "26.11b1"]


def Release(text):
    return release_order.Release(text)


class ReleaseOrderTest(unittest.TestCase):
    def test_order(self):
        texts = ["26.10", "26.4rc1", "26.4", "26.4a9", "26.4.1", "25.30.7", "26.4b1", "26.4rc10", "26.4rc2"]
        wanted = ["25.30.7", "26.4a9", "26.4b1", "26.4rc1", "26.4rc2", "26.4rc10", "26.4", "26.4.1", "26.10"]
        self.assertEqual(sorted(texts, key=Release), wanted)

    def test_missing_fix_is_nought(self):
        self.assertEqual((Release("26.4") == Release("26.4.0"), Release("26.4") != Release("26.4.1")), (True, True))

    def test_all_comparisons(self):
        one, two = Release("26.4"), Release("26.5")
        self.assertEqual([one <= two, one >= two, one > two, one <= Release("26.4.0")], [True, False, False, True])

    def test_keys_of_a_dictionary(self):
        self.assertEqual({Release("26.4"): "spring"}[Release("26.4.0")], "spring")

    def test_text(self):
        self.assertEqual([str(Release(text)) for text in ("26.4", "0.0.7", "26.4rc2")], ["26.4.0", "0.0.7", "26.4.0rc2"])

    def test_final(self):
        self.assertEqual((Release("26.4").final, Release("26.4a1").final), (True, False))

    def test_no_release(self):
        for text in ("26", "26.04", "26.4rc", "26.4rc0", "26.4.1.1", "v26.4", "26.4 ", "26.4RC1", ""):
            with self.subTest(text=text), self.assertRaises(ValueError) as caught:
                Release(text)
            self.assertEqual(str(caught.exception), f"no release: {text}")

    def test_next(self):
        found = [str(Release("26.4.1").next(part)) for part in ("year", "step", "fix")]
        self.assertEqual(found, ["27.0.0", "26.5.0", "26.4.2"])

    def test_next_drops_a_stage_where_that_is_enough(self):
        pairs = [("26.4.1rc2", "fix"), ("26.4rc2", "step"), ("27.0rc1", "year"), ("26.4b1", "fix")]
        self.assertEqual([str(Release(text).next(part)) for text, part in pairs], ["26.4.1", "26.4.0", "27.0.0", "26.4.0"])

    def test_next_where_dropping_the_stage_is_not_enough(self):
        found = [str(Release("26.4.1rc2").next(part)) for part in ("step", "year")]
        self.assertEqual(found, ["26.5.0", "27.0.0"])

    def test_no_part(self):
        with self.assertRaises(ValueError) as caught:
            Release("26.4").next("month")
        self.assertEqual(str(caught.exception), "no part: month")

    def test_choose_the_newest(self):
        self.assertEqual(choose(KNOWN, ""), "26.10")

    def test_choose_within_bounds(self):
        self.assertEqual(choose(KNOWN, ">=26.4, <26.9"), "26.4.1")

    def test_choose_with_exceptions(self):
        self.assertEqual((choose(KNOWN, "!=26.10,< 27.0"), choose(KNOWN, "=26.4.0")), ("26.9.3", "26.4"))

    def test_stages_only_where_the_rule_names_one(self):
        self.assertEqual((choose(KNOWN, ">26.10"), choose(KNOWN, ">26.10a1")), (None, "27.0rc1"))

    def test_no_rule(self):
        for rule in ("26.4", ">=26", ">26.4,", "~26.4"):
            with self.subTest(rule=rule), self.assertRaises(ValueError) as caught:
                choose(KNOWN, rule)
            self.assertEqual(str(caught.exception), f"no rule: {rule}")


if __name__ == "__main__":
    unittest.main()
