import unittest

from news_column import column


class NewsColumnTest(unittest.TestCase):
    def test_short_text_is_filled_up(self):
        self.assertEqual(column("rain again", 14), ["rain again    "])

    def test_text_of_exactly_the_width(self):
        self.assertEqual(column("rain again", 10), ["rain again"])

    def test_full_lines_are_stretched(self):
        self.assertEqual(column("the old mill burns", 10), ["the    old", "mill burns"])

    def test_odd_blanks_go_to_the_right(self):
        self.assertEqual(column("a b c dddddd", 8), ["a  b   c", "dddddd  "])

    def test_even_blanks_are_shared(self):
        self.assertEqual(column("a b c ddddddd", 7), ["a  b  c", "ddddddd"])

    def test_single_word_lines_are_filled(self):
        self.assertEqual(column("harbours flooded", 9), ["harbours ", "flooded  "])

    def test_white_space_does_not_matter(self):
        self.assertEqual(column("  the\told\n mill   burns ", 10), ["the    old", "mill burns"])

    def test_paragraphs_are_set_apart(self):
        self.assertEqual(column("one\n\n \n\ntwo", 4), ["one ", "    ", "two "])

    def test_last_line_of_each_paragraph_is_not_stretched(self):
        self.assertEqual(column("a b\n\nc d", 6), ["a b   ", "      ", "c d   "])

    def test_long_word_is_cut(self):
        self.assertEqual(column("watermelon", 4), ["wat-", "erm-", "elon"])

    def test_long_word_begins_its_own_line(self):
        self.assertEqual(column("a strawberry b", 6), ["a     ", "straw-", "berry ", "b     "])

    def test_words_join_the_last_piece(self):
        self.assertEqual(column("abcdefgh i j", 6), ["abcde-", "fgh  i", "j     "])

    def test_nothing_to_set(self):
        self.assertEqual(column(" \n\n ", 5), [])

    def test_every_line_has_the_width(self):
        text = "It is said that " * 9 + "\n\nincomprehensibilities"
        self.assertEqual({len(line) for line in column(text, 11)}, {11})

    def test_too_narrow(self):
        with self.assertRaises(ValueError) as caught:
            column("a", 1)
        self.assertEqual(str(caught.exception), "too narrow: 1")


if __name__ == "__main__":
    unittest.main()
