"""Tests are parted by hash, the same way everywhere, and hidden ones leave no line behind."""

from dataclasses import replace
from pathlib import Path

import pytest

from votebox.plugins import ProblemError, Task, load_tasks
from votebox.plugins.testfile import read_test_file
from votebox.plugins.testsplit import split_tests

OURS = load_tasks(Path(__file__).parents[2] / "cluster/exercises")
SOURCE = """import unittest

LIMIT = 3


class Base(unittest.TestCase):
    def test_shared(self):
        self.assertEqual(1, 1)

    def helper(self):
        return "helper"


class First(Base):
    @unittest.skipIf(LIMIT > 4, "too high")
    def test_one(self):
        self.assertEqual(
            "one",
            "one",
        )

    def test_two(self): self.assertEqual("two", "two")


class Second(Base):
    async def test_three(self):
        self.assertEqual("three", "three")
"""


def task(*sources: str) -> Task:
    tests = {f"t{number}_test.py": source for number, source in enumerate(sources)}
    read = tuple(read_test_file(f"x/{path}", source) for path, source in tests.items())
    return Task("x", "Do it.", {"a.py": ""}, {}, tests, {}, read)


@pytest.mark.parametrize("ours", OURS, ids=lambda ours: ours.id)
def test_our_exercises_are_parted_whole(ours: Task) -> None:
    split = split_tests(ours)
    declared = [case.id for file in ours.test_files for case in file.cases]
    assert sorted((*split.visible, *split.hidden)) == sorted(declared)
    shown = [c.id for path, text in split.files.items() for c in read_test_file(path, text).cases]
    assert shown == list(split.visible)
    assert 0.3 < len(split.visible) / len(declared) < 0.5


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_both_sides_keep_a_test_and_no_hidden_line_is_left(share: float) -> None:
    split = split_tests(task(SOURCE), share)
    assert split.visible
    assert split.hidden
    (text,) = split.files.values()
    compile(text, "visible", "exec")
    names = {name.rpartition(".")[2]: name for name in (*split.visible, *split.hidden)}
    for method in ("test_shared", "test_one", "test_two", "test_three"):
        assert (method in text) is (names[method] in split.visible)
    assert ('"one"' in text) is ("First.test_one" in split.visible)
    assert "LIMIT = 3" in text
    assert "def helper" in text


def test_an_inherited_test_stands_on_one_side_for_all_classes() -> None:
    split = split_tests(task(SOURCE))
    shared = [n for n in (*split.visible, *split.hidden) if n.endswith("test_shared")]
    assert len(shared) == 3
    assert set(shared) <= set(split.visible) or set(shared) <= set(split.hidden)


def test_a_file_without_a_visible_test_is_left_out() -> None:
    lonely = "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): pass\n"
    split = split_tests(task(lonely, lonely.replace("T(", "U(")), 0.5)
    assert (len(split.files), len(split.visible), len(split.hidden)) == (1, 1, 1)


def test_lines_are_counted_as_python_does() -> None:
    old = SOURCE.replace("\n", "\r\n").replace("LIMIT = 3\r\n", "LIMIT = 3\r")
    new, mine = split_tests(task(SOURCE)), split_tests(task(old))
    assert [n for n in new.hidden if n in "".join(mine.files.values())] == []
    for name in mine.hidden:
        assert f"def {name.rpartition('.')[2]}(" not in "".join(mine.files.values())


def test_the_split_depends_on_names_alone() -> None:
    other = SOURCE.replace('"one"', '"uno"')
    assert split_tests(task(SOURCE)).visible == split_tests(task(other)).visible
    moved = replace(task(SOURCE), id="y")
    splits = {split_tests(replace(moved, id=f"y{n}")).visible for n in range(8)}
    assert len(splits) > 1


def test_one_test_cannot_be_parted() -> None:
    lonely = "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): pass\n"
    with pytest.raises(ProblemError, match="has 1 test, which cannot be parted"):
        split_tests(task(lonely))
