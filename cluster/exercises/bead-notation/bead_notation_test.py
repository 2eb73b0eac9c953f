import unittest

from bead_notation import count, read, write


class BeadNotationTest(unittest.TestCase):
    def refused(self, notation, message):
        with self.assertRaises(ValueError) as caught:
            read(notation)
        self.assertEqual(str(caught.exception), message)

    def test_plain_beads(self):
        self.assertEqual(read("abc"), "abc")

    def test_no_beads(self):
        self.assertEqual((read(""), write(""), count("")), ("", "", {}))

    def test_repeated_bead(self):
        self.assertEqual(read("a12bc"), "abbbbbbbbbbbbc")

    def test_repeated_group(self):
        self.assertEqual(read("2(a3b)c"), "abbbabbbc")

    def test_group_in_a_group(self):
        self.assertEqual(read("2(x2(yz))2(q)"), "xyzyzxyzyzqq")

    def test_runs_are_written(self):
        self.assertEqual(write("abbbccca"), "a3b3ca")

    def test_what_is_written_can_be_read(self):
        beads = "aabbbbbbbbbbbbbbbxyyz"
        self.assertEqual((read(write(beads)), write(beads)), (beads, "2a15bx2yz"))

    def test_count(self):
        self.assertEqual(count("2(a3b)c"), {"a": 2, "b": 6, "c": 1})

    def test_count_without_making_the_string(self):
        self.assertEqual(count("999(999(999(999a)))b"), {"a": 996005996001, "b": 1})

    def test_no_bead(self):
        with self.assertRaises(ValueError) as caught:
            write("ab?cD")
        self.assertEqual(str(caught.exception), "no bead: '?'")

    def test_number_too_small(self):
        self.refused("a1b", "at 1: bad number")

    def test_leading_zero(self):
        self.refused("ab03c", "at 2: bad number")

    def test_group_without_number(self):
        self.refused("a(bc)", "at 1: unexpected '('")

    def test_empty_group(self):
        self.refused("a2()", "at 3: unexpected ')'")

    def test_group_that_was_not_opened(self):
        self.refused("ab)", "at 2: unexpected ')'")

    def test_other_signs(self):
        self.refused("2a3B", "at 3: unexpected 'B'")

    def test_group_that_is_not_closed(self):
        self.refused("a2(bc", "at 5: unexpected end")

    def test_number_at_the_end(self):
        self.refused("ab12", "at 4: unexpected end")


if __name__ == "__main__":
    unittest.main()
