import dataclasses
import unittest

import receipt_parts
from receipt_parts import receipt


def part(name):
    """Fetch a part that the file may not have yet, so that each test fails for itself."""
    return getattr(receipt_parts, name)


def whole(text):
    """The receipt, made of its parts and as the function gives it: they must agree."""
    made = "\n".join(part("lines")(part("parse")(text)))
    return made, receipt(text)


class ReceiptPartsTest(unittest.TestCase):
    def item(self, *values):
        return part("Item")(*values)

    def test_total_of_an_item(self):
        self.assertEqual(self.item("tea", 3, 250).total, 750)

    def test_items_compare_by_value(self):
        self.assertEqual(self.item("tea", 3, 250) == self.item("tea", 3, 250), True)

    def test_items_cannot_be_changed(self):
        with self.assertRaises(dataclasses.FrozenInstanceError):
            self.item("tea", 3, 250).count = 4

    def test_parse(self):
        found = part("parse")("2 x tea at 2.50\n\n 1 x apple pie at 13.05 ")
        self.assertEqual(found, [self.item("tea", 2, 250), self.item("apple pie", 1, 1305)])

    def test_parse_a_name_with_at(self):
        self.assertEqual(part("parse")("1 x tea at noon at 2.00"), [self.item("tea at noon", 1, 200)])

    def test_parse_of_nothing(self):
        self.assertEqual(part("parse")(" \n"), [])

    def test_bad_lines(self):
        parse = part("parse")
        for line in ("two x tea at 2.50", "2 tea at 2.50", "2 x tea at 2.5", "2 x tea for 2.50", "1 x a x b at 1.00"):
            with self.subTest(line=line), self.assertRaises(ValueError) as caught:
                parse(f"1 x jam at 1.00\n  {line}  ")
            self.assertEqual(str(caught.exception), f"bad line: {line}")

    def test_no_discount(self):
        self.assertEqual(part("discount")([self.item("tea", 9, 100)]), 0)

    def test_discount_for_many(self):
        self.assertEqual(part("discount")([self.item("tea", 9, 101), self.item("jam", 1, 30)]), 46)

    def test_discount_for_much(self):
        self.assertEqual(part("discount")([self.item("desk", 1, 9999), self.item("nib", 1, 1)]), 1000)

    def test_the_larger_discount_counts(self):
        self.assertEqual(part("discount")([self.item("lamp", 10, 1200)]), 1200)

    def test_euros(self):
        euros = part("euros")
        self.assertEqual([euros(cents) for cents in (0, 5, 1305, 100000)], ["0.00", "0.05", "13.05", "1000.00"])

    def test_lines(self):
        found = part("lines")([self.item("tea", 2, 250)])
        self.assertEqual(found, ["2 tea                   5.00", "-" * 28, "total                   5.00"])

    def test_receipt_with_discount(self):
        made, given = whole("10 x lamp at 12.00")
        self.assertEqual(made, "10 lamp               120.00\ndiscount              -12.00\n"
                               + "-" * 28 + "\ntotal                 108.00")
        self.assertEqual(given, made)

    def test_receipt_of_nothing(self):
        self.assertEqual(whole(""), ("-" * 28 + "\ntotal                   0.00",) * 2)


if __name__ == "__main__":
    unittest.main()
