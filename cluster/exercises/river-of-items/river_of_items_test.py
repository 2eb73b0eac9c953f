import unittest
from itertools import count, islice

from river_of_items import batches, changes, weave, windows


class Spring:
    """Count what is taken from an endless stream."""

    def __init__(self):
        self.taken = 0

    def __iter__(self):
        while True:
            self.taken += 1
            yield self.taken


class RiverTest(unittest.TestCase):
    def test_batches(self):
        self.assertEqual(list(batches("abcdefg", 3)), [["a", "b", "c"], ["d", "e", "f"], ["g"]])

    def test_batches_that_come_out_even(self):
        self.assertEqual(list(batches([1, 2, 3, 4], 2)), [[1, 2], [3, 4]])

    def test_batches_take_no_more_than_needed(self):
        spring = Spring()
        self.assertEqual((next(batches(spring, 4)), spring.taken), ([1, 2, 3, 4], 4))

    def test_windows(self):
        self.assertEqual(list(windows(iter([1, 2, 3, 4]), 3)), [(1, 2, 3), (2, 3, 4)])

    def test_windows_of_too_few(self):
        self.assertEqual((list(windows("ab", 3)), list(windows("ab", 2))), ([], [("a", "b")]))

    def test_windows_take_no_more_than_needed(self):
        spring = Spring()
        found = windows(spring, 2)
        self.assertEqual((next(found), next(found), spring.taken), ((1, 2), (2, 3), 3))

    def test_weave(self):
        self.assertEqual("".join(weave("abc", "12", "xyz!")), "a1xb2ycz!")

    def test_weave_of_endless_streams(self):
        self.assertEqual(list(islice(weave(count(1), count(-1, -1)), 5)), [1, -1, 2, -2, 3])

    def test_weave_takes_in_turn(self):
        first, second = Spring(), Spring()
        self.assertEqual(next(weave(first, second)), 1)
        self.assertEqual((first.taken, second.taken), (1, 0))

    def test_weave_of_nothing_and_of_one(self):
        self.assertEqual((list(weave()), list(weave("", "ab"))), ([], ["a", "b"]))

    def test_changes(self):
        self.assertEqual(list(changes([1, 1, 2, 2, 1])), [(1, 2), (2, 1)])

    def test_changes_of_few(self):
        self.assertEqual((list(changes([])), list(changes([1])), list(changes("xy"))), ([], [], [("x", "y")]))

    def test_nothing_is_read_before_it_is_asked_for(self):
        springs = [Spring() for _ in range(4)]
        made = [batches(springs[0], 2), windows(springs[1], 2), weave(springs[2]), changes(springs[3])]
        self.assertEqual([spring.taken for spring in springs], [0, 0, 0, 0])
        self.assertEqual([iter(each) is each for each in made], [True, True, True, True])

    def test_size_is_checked_at_the_call(self):
        for tool in (batches, windows):
            with self.subTest(tool=tool), self.assertRaises(ValueError) as caught:
                tool([1], 0)
            self.assertEqual(str(caught.exception), "size must be at least 1: 0")


if __name__ == "__main__":
    unittest.main()
