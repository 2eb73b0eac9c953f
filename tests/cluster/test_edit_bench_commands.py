"""`votebox edit-bench check`: sound exercises pass, unsound ones are named with exit code 1."""

import json
from pathlib import Path

from commands import environment, votebox

TEST = (
    "import unittest\nimport mine\nclass T(unittest.TestCase):\n"
    "    def test_one(self): self.assertEqual(mine.f(), 1)\n"
)


def exercise(root: Path, name: str, stub: str, reference: str) -> None:
    config = {"files": {"solution": ["mine.py"], "test": ["t_test.py"], "example": [".meta/e.py"]}}
    for path, text in {
        ".meta/config.json": json.dumps(config),
        ".meta/e.py": reference,
        ".docs/instructions.md": "Return 1.",
        "mine.py": stub,
        "t_test.py": TEST,
    }.items():
        place = root / name / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def test_one_of_our_exercises_is_sound(tmp_path: Path) -> None:
    done = votebox("edit-bench", "check", "--only", "turnstile", env=environment(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "1 of 1 sound" in done.stdout


def test_unsound_exercises_are_named(tmp_path: Path) -> None:
    exercise(tmp_path, "good", "def f(): pass", "def f(): return 1")
    exercise(tmp_path, "open", "def f(): return 1", "def f(): return 1")
    exercise(tmp_path, "wrong", "", "def f(): return 2")
    done = votebox("edit-bench", "check", str(tmp_path), "--json", env=environment(tmp_path))
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["sound"] is False
    faults = {one["id"]: one["fault"] for one in found["exercises"]}
    assert faults["good"] == ""
    assert faults["open"].startswith("the untouched stub passes")
    assert faults["wrong"].startswith("the reference is failed: T.test_one: failed (Assertion")


def test_a_folder_without_exercises_is_bad_usage(tmp_path: Path) -> None:
    done = votebox("edit-bench", "check", str(tmp_path), env=environment(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no exercise" in done.stderr
