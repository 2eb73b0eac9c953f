import unittest

from recipe_steps import alone, critical, order, slack, together

SOUP = {
    "serve": (1, ["simmer", "toast"]),
    "chop": (10, ["wash"]),
    "wash": (3, []),
    "boil": (8, []),
    "simmer": (20, ["boil", "chop"]),
    "toast": (4, []),
}


class RecipeStepsTest(unittest.TestCase):
    def refused(self, recipe, message):
        for call in (order, alone, together, critical, slack):
            with self.subTest(call=call.__name__), self.assertRaises(ValueError) as caught:
                call(recipe)
            self.assertEqual(str(caught.exception), message)

    def test_order(self):
        self.assertEqual(order(SOUP), ["boil", "toast", "wash", "chop", "simmer", "serve"])

    def test_order_of_independent_steps(self):
        self.assertEqual(order({"c": (1, []), "a": (1, []), "b": (1, [])}), ["a", "b", "c"])

    def test_order_returns_to_the_alphabet(self):
        self.assertEqual(order({"a": (1, ["z"]), "m": (1, []), "z": (1, [])}), ["m", "z", "a"])

    def test_alone(self):
        self.assertEqual(alone(SOUP), 46)

    def test_together(self):
        self.assertEqual(together(SOUP), 34)

    def test_together_of_independent_steps(self):
        self.assertEqual(together({"a": (5, []), "b": (7, [])}), 7)

    def test_critical(self):
        self.assertEqual(critical(SOUP), ["wash", "chop", "simmer", "serve"])

    def test_critical_that_sorts_first(self):
        recipe = {"end": (1, ["y", "b"]), "y": (2, ["a"]), "a": (1, []), "b": (2, ["x"]), "x": (1, [])}
        self.assertEqual(critical(recipe), ["a", "y", "end"])

    def test_slack(self):
        wanted = {"serve": 0, "chop": 0, "wash": 0, "boil": 5, "simmer": 0, "toast": 29}
        self.assertEqual(slack(SOUP), wanted)

    def test_slack_of_the_last_steps(self):
        self.assertEqual(slack({"a": (5, []), "b": (7, [])}), {"a": 2, "b": 0})

    def test_empty(self):
        found = (order({}), alone({}), together({}), critical({}), slack({}))
        self.assertEqual(found, ([], 0, 0, [], {}))

    def test_unknown_need(self):
        self.refused({"a": (1, ["b"]), "b": (1, ["salt", "oil"])}, "b needs unknown salt")

    def test_circle(self):
        recipe = {"x": (1, ["c"]), "c": (1, ["b"]), "a": (1, ["c"]), "b": (1, ["a"])}
        self.refused(recipe, "circle: a > c > b > a")

    def test_step_that_needs_itself(self):
        self.refused({"a": (1, ["a"])}, "circle: a > a")

    def test_unknown_need_comes_before_a_circle(self):
        self.refused({"a": (1, ["a"]), "b": (1, ["c"])}, "b needs unknown c")


if __name__ == "__main__":
    unittest.main()
