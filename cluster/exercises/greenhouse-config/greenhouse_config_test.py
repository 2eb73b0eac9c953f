import unittest

from greenhouse_config import load


class GreenhouseConfigTest(unittest.TestCase):
    def refused(self, text, message):
        with self.assertRaises(ValueError) as caught:
            load(text)
        self.assertEqual(str(caught.exception), message)

    def test_empty(self):
        self.assertEqual(load("\n  # nothing\n"), {})

    def test_numbers(self):
        self.assertEqual(load("a = -4\nb=2.5"), {"a": -4, "b": 2.5})

    def test_booleans_are_booleans(self):
        found = load("a = yes\nb = no")
        self.assertEqual([found["a"] is True, found["b"] is False], [True, True])

    def test_text(self):
        self.assertEqual(load('name = "north wall"'), {"name": "north wall"})

    def test_sign_of_a_comment_in_quotes(self):
        self.assertEqual(load('name = "bed #4" # by the door'), {"name": "bed #4"})

    def test_list(self):
        self.assertEqual(load('hours = 6, "noon", no'), {"hours": [6, "noon", False]})

    def test_comma_in_quotes(self):
        self.assertEqual(load('a = "x, y"\nb = "x, y", 1'), {"a": "x, y", "b": ["x, y", 1]})

    def test_sections_nest(self):
        self.assertEqual(load("[fan.left]\non = yes\n[fan]\nmax = 2"), {"fan": {"left": {"on": True}, "max": 2}})

    def test_section_is_continued(self):
        self.assertEqual(load("[a]\nx = 1\n[b]\n[a]\ny = 2"), {"a": {"x": 1, "y": 2}, "b": {}})

    def test_reference(self):
        self.assertEqual(load("speed = 3\n[fan]\nspeed = $speed"), {"speed": 3, "fan": {"speed": 3}})

    def test_reference_with_sections_in_a_list(self):
        self.assertEqual(load("[a.b]\nx = 7\n[c]\ny = 1, $a.b.x"), {"a": {"b": {"x": 7}}, "c": {"y": [1, 7]}})

    def test_not_a_setting(self):
        self.refused("a = 1\nfan left\n", "line 2: not a setting")

    def test_setting_without_value(self):
        self.refused("a =   # later", "line 1: not a setting")

    def test_setting_given_twice(self):
        self.refused("[fan.left]\non = yes\n\non = no", "line 4: fan.left.on is there already")

    def test_section_named_as_a_setting(self):
        self.refused("fan = 1\n[fan.left]", "line 2: fan is there already")

    def test_no_value(self):
        self.refused("a = 1, maybe, 3", "line 1: no value: maybe")

    def test_unknown_reference(self):
        self.refused("[fan]\na = $speed\nspeed = 3", "line 2: $speed is not known")

    def test_reference_to_a_section(self):
        self.refused("[fan]\nx = 1\n[b]\na = $fan", "line 4: $fan is not known")


if __name__ == "__main__":
    unittest.main()
