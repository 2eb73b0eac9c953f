import unittest

from movements import Movement, read
from stock_count import Stock

DAY = "IN nails 40\nIN glue 7\n\n  OUT nails 15 \nSET tape 7\nOUT glue 7\nIN glue 9"


class StockCountTest(unittest.TestCase):
    def stock(self, text=DAY):
        stock = Stock()
        stock.apply(text)
        return stock

    def test_movements_are_read(self):
        self.assertEqual(read("IN nails 40\n\n SET  tape 0"), [Movement("IN", "nails", 40), ("SET", "tape", 0)])

    def test_fields_have_names(self):
        movement = read("OUT glue 3")[0]
        self.assertEqual((movement.kind, movement.item, movement.count), ("OUT", "glue", 3))

    def test_bad_lines_are_numbered(self):
        for line in ("ADD glue 3", "IN glue", "IN glue -3", "IN wood glue 3", "in glue 3"):
            with self.subTest(line=line), self.assertRaises(ValueError) as caught:
                read(f"IN nails 1\n\n  {line} ")
            self.assertEqual(str(caught.exception), f"line 3: {line}")

    def test_movements_are_counted(self):
        self.assertEqual(Stock().apply(DAY), 6)

    def test_counts(self):
        self.assertEqual([self.stock().count(item) for item in ("nails", "glue", "tape")], [25, 9, 7])

    def test_unknown_item(self):
        self.assertEqual((self.stock().count("saw"), self.stock().history("saw")), (0, []))

    def test_out_to_the_last(self):
        self.assertEqual(self.stock("IN glue 7\nOUT glue 7").count("glue"), 0)

    def test_items_with_most_first(self):
        self.assertEqual(self.stock().items(), ["nails", "glue", "tape"])

    def test_equal_counts_go_by_name(self):
        self.assertEqual(self.stock("IN b 2\nIN a 2\nIN c 2\nIN d 3").items(), ["d", "a", "b", "c"])

    def test_items_that_are_gone(self):
        self.assertEqual(self.stock("IN b 2\nIN a 2\nOUT b 2").items(), ["a"])

    def test_history(self):
        self.assertEqual(self.stock().history("glue"), [7, 0, 9])

    def test_history_is_the_callers(self):
        stock = self.stock()
        stock.history("glue").append(100)
        self.assertEqual((stock.history("glue"), stock.count("glue")), ([7, 0, 9], 9))

    def test_more_than_there_is(self):
        with self.assertRaises(ValueError) as caught:
            self.stock().apply("IN glue 1\nOUT glue 11")
        self.assertEqual(str(caught.exception), "only 10 of glue")

    def test_a_failure_leaves_the_stock_as_before(self):
        stock = self.stock()
        for text in ("IN glue 1\nOUT saw 1", "IN glue 1\nnonsense"):
            with self.assertRaises(ValueError):
                stock.apply(text)
        self.assertEqual((stock.count("glue"), stock.history("glue")), (9, [7, 0, 9]))

    def test_stocks_have_nothing_in_common(self):
        first, second = self.stock(), Stock()
        second.apply("SET glue 1")
        self.assertEqual((first.count("glue"), second.count("glue"), second.items()), (9, 1, ["glue"]))


if __name__ == "__main__":
    unittest.main()
