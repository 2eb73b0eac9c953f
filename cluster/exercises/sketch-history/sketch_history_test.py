import unittest

from sketch_history import Sketch


class SketchTest(unittest.TestCase):
    def setUp(self):
        self.sketch = Sketch()

    def now(self):
        return "".join(self.sketch.strokes)

    def draw(self, *steps):
        for step in steps:
            self.sketch.draw(*step)

    def test_empty(self):
        self.assertEqual(self.sketch.strokes, ())

    def test_draw(self):
        self.draw("a", "bc")
        self.assertEqual(self.sketch.strokes, ("a", "b", "c"))

    def test_undo_takes_back_a_whole_step(self):
        self.draw("a", "bc")
        self.assertEqual((self.sketch.undo(), self.now()), (1, "a"))

    def test_undo_tells_how_much_was_possible(self):
        self.draw("a", "bc", "")
        self.assertEqual((self.sketch.undo(5), self.now(), self.sketch.undo()), (2, "", 0))

    def test_redo(self):
        self.draw("a", "b", "c")
        self.sketch.undo(3)
        self.assertEqual((self.sketch.redo(2), self.now(), self.sketch.redo(9), self.now()), (2, "ab", 1, "abc"))

    def test_new_step_forgets_what_could_be_redone(self):
        self.draw("a", "b")
        self.sketch.undo()
        self.draw("c")
        self.assertEqual((self.sketch.redo(), self.now()), (0, "ac"))

    def test_erase_removes_the_last_equal_one(self):
        self.draw("abab")
        self.sketch.erase("a")
        self.assertEqual((self.now(), self.sketch.undo(), self.now()), ("abb", 1, "abab"))

    def test_nothing_to_erase(self):
        self.draw("a")
        with self.assertRaises(ValueError) as caught:
            self.sketch.erase("x")
        self.assertEqual((str(caught.exception), self.sketch.undo()), ("no such stroke: x", 1))

    def test_go_to_a_mark(self):
        self.draw("a")
        self.sketch.mark("early")
        self.draw("b", "c")
        self.sketch.go("early")
        self.assertEqual((self.now(), self.sketch.undo(), self.now()), ("a", 1, "abc"))

    def test_go_to_what_was_forgotten(self):
        self.draw("a", "b")
        self.sketch.mark("late")
        self.sketch.undo(2)
        self.draw("x")
        self.sketch.go("late")
        self.assertEqual(self.now(), "ab")

    def test_mark_given_anew(self):
        self.sketch.mark("m")
        self.draw("a")
        self.sketch.mark("m")
        self.draw("b")
        self.sketch.go("m")
        self.assertEqual(self.now(), "a")

    def test_unknown_mark(self):
        with self.assertRaises(KeyError) as caught:
            self.sketch.go("nowhere")
        self.assertEqual(caught.exception.args, ("nowhere",))

    def test_group_is_one_step(self):
        self.draw("a")
        with self.sketch.group():
            self.draw("b", "c")
            self.sketch.erase("a")
        self.assertEqual((self.now(), self.sketch.undo(), self.now()), ("bc", 1, "a"))

    def test_failed_group_changes_nothing(self):
        self.draw("a")
        with self.assertRaises(ZeroDivisionError):
            with self.sketch.group():
                self.draw("b")
                1 / 0
        self.assertEqual((self.now(), self.sketch.undo(9)), ("a", 1))

    def test_groups_in_a_group_belong_to_the_outer_one(self):
        with self.sketch.group():
            self.draw("a")
            with self.sketch.group():
                self.draw("b")
            self.draw("c")
        self.assertEqual((self.sketch.undo(9), self.now()), (1, ""))

    def test_no_undo_in_a_group(self):
        self.draw("a")
        for call in ("undo", "redo"):
            with self.subTest(call=call), self.assertRaises(RuntimeError) as caught:
                with self.sketch.group():
                    getattr(self.sketch, call)()
            self.assertEqual(str(caught.exception), "in a group")

    def test_group_without_a_change_is_no_step(self):
        self.draw("a", "b")
        self.sketch.undo()
        with self.sketch.group():
            pass
        self.assertEqual((self.sketch.redo(), self.now()), (1, "ab"))


if __name__ == "__main__":
    unittest.main()
