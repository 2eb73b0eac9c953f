"""Exercises are read whole, hide their dot-directories, and say what is wrong with them."""

import json
from pathlib import Path

import pytest

from votebox.plugins import ProblemError, load_task, load_tasks

OURS = Path(__file__).parents[2] / "cluster/exercises"
TEST = (
    "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): self.assertEqual(1, 2)\n"
)


def exercise(root: Path, name: str = "task", **changes: str | None) -> Path:
    """Make an exercise; a change is the text of a file, or None to leave it out."""
    config = {"files": {"solution": ["a.py"], "test": ["a_test.py"], "example": [".meta/e.py"]}}
    files: dict[str, str | None] = {
        ".meta/config.json": json.dumps(config),
        ".meta/e.py": "right = True\n",
        ".docs/instructions.md": "# Do it\n",
        "a.py": "",
        "a_test.py": TEST,
        **changes,
    }
    for path, text in files.items():
        if text is not None:
            place = root / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    return root / name


def config_of(**files: list[str]) -> str:
    usual = {"solution": ["a.py"], "test": ["a_test.py"], "example": [".meta/e.py"]}
    return json.dumps({"files": usual | files})


def test_ours_are_many_and_every_test_file_has_ten_tests_or_more() -> None:
    tasks = load_tasks(OURS)
    assert len(tasks) >= 24
    assert min(len(file.cases) for task in tasks for file in task.test_files) >= 10
    assert len({task.digest for task in tasks}) == len(tasks)


def test_nothing_of_a_dot_directory_is_shown(tmp_path: Path) -> None:
    folder = exercise(
        tmp_path, **{".hidden/secret.py": "x", "data/.key": "x", "helper.py": "H = 1"}
    )
    task = load_task(folder)
    assert (list(task.files), list(task.readonly), list(task.tests)) == (
        ["a.py"],
        ["helper.py"],
        ["a_test.py"],
    )
    assert dict(task.example) == {"a.py": "right = True\n"}


def test_instructions_come_in_order(tmp_path: Path) -> None:
    texts = {".docs/introduction.md": "One\n", ".docs/instructions.append.md": "Three\n"}
    task = load_task(exercise(tmp_path, **texts))
    assert task.instructions == "One\n\n# Do it\n\nThree\n"


def test_references_belong_to_solution_files_by_order(tmp_path: Path) -> None:
    files = {"b.py": "", ".meta/f.py": "two = 2\n"}
    config = config_of(solution=["a.py", "b.py"], example=[".meta/e.py", ".meta/f.py"])
    task = load_task(exercise(tmp_path, **files, **{".meta/config.json": config}))
    assert dict(task.example) == {"a.py": "right = True\n", "b.py": "two = 2\n"}


def test_digest_follows_the_tests(tmp_path: Path) -> None:
    first = load_task(exercise(tmp_path, "one"))
    second = load_task(exercise(tmp_path, "two", **{"a.py": "changed = 1"}))
    third = load_task(exercise(tmp_path, "three", **{"a_test.py": TEST + "\n"}))
    assert first.digest == second.digest != third.digest


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({".meta/config.json": "{"}, "config.json holds no table 'files'"),
        ({".meta/config.json": '{"files": []}'}, "'files' is no table"),
        ({".meta/config.json": config_of(solution=["../a.py"])}, "names '../a.py'"),
        ({".meta/config.json": config_of(example=["/etc/passwd"])}, "names '/etc/passwd'"),
        ({".meta/config.json": config_of(solution=[".meta/e.py"])}, "never shown"),
        ({".meta/config.json": config_of(test=[])}, "files.test is []"),
        ({".meta/config.json": config_of(solution=["json.py"])}, "module of Python's own"),
        (
            {".meta/config.json": config_of(example=[".meta/e.py"] * 2 + ["a.py"])},
            "more references",
        ),
        ({".docs/instructions.md": None}, "no instructions.md"),
        ({"a.py": None}, "cannot read"),
        (
            {"a_test.py": "def test_x(tmp_path): pass"},
            "written for pytest: test_x() takes 'tmp_path'",
        ),
        ({"a_test.py": "import unittest"}, "declares no test"),
        ({"a_test.py": "class"}, "does not parse"),
        ({"big.txt": "x" * (2**20 + 1)}, "more than 1 MiB"),
    ],
)
def test_a_broken_exercise_says_what_is_wrong(
    tmp_path: Path, changes: dict[str, str | None], said: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        load_task(exercise(tmp_path, **changes))
    assert said in str(caught.value)
    assert "; " in str(caught.value)


def test_a_link_to_outside_is_refused(tmp_path: Path) -> None:
    folder = exercise(tmp_path)
    (tmp_path / "secret").write_text("x")
    (folder / "notes.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(ProblemError, match=r"notes\.txt is a link to outside"):
        load_task(folder)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    folder = exercise(tmp_path)
    (folder / "data.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProblemError, match=r"data\.bin is not UTF-8"):
        load_task(folder)


def test_a_folder_without_exercises_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="has no exercise"):
        load_tasks(tmp_path)
    exercise(tmp_path, "known")
    with pytest.raises(ProblemError, match="no exercise 'other'; it has known"):
        load_tasks(tmp_path, ["other"])
    assert [task.id for task in load_tasks(tmp_path)] == ["known"]
