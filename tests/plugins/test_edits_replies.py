"""What comes of replies: each shape of the five formats, by name."""

import pytest
from edit_replies import HOSTILE_PATHS, ONE, REPLIES, TWO, Reply, block

from votebox.plugins.edits import EditOp, EditRules, EditScript, apply, parse


@pytest.mark.parametrize("reply", REPLIES, ids=[f"{r.format}: {r.name}" for r in REPLIES])
def test_a_reply_comes_to(reply: Reply) -> None:
    script = parse(reply.text, reply.format, reply.finish)
    files, report = apply(script, reply.files)
    faults = [d.kind for d in script.faults] + [r.status for r in report.failed]
    classes = faults or [r.status for r in report.per_op]
    assert classes[0] == reply.status, (script.diagnostics, report.per_op)
    assert files == (reply.files if reply.after is None else reply.after)
    assert report.ok == (reply.after is not None)
    if report.ok and reply.status == "applied":
        assert report.level == reply.level
        took = [r for r in report.per_op if r.status == "applied"]
        assert took[0].path_level == reply.path_level
        assert report.exact == (reply.level == reply.path_level == "exact")


@pytest.mark.parametrize("path", HOSTILE_PATHS)
@pytest.mark.parametrize("kind", ["write", "create", "append", "replace", "delete"])
def test_a_hostile_path_changes_nothing(path: str, kind: str) -> None:
    op = EditOp(kind, path, old=("import os",), new=("owned",), explicit=True)
    files, report = apply(EditScript((op,)), TWO)
    assert (files, report.ok) == (TWO, False)
    assert report.per_op[0].status in ("bad_path", "no_path", "no_file")


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_file_does_not_move_to_a_hostile_path(path: str) -> None:
    op = EditOp("rename", "app.py", to=path)
    files, report = apply(EditScript((op,)), TWO)
    assert (files, report.ok) == (TWO, False)


@pytest.mark.parametrize(
    "path", ["../up.py", "/etc/passwd", "C:\\x.py", ".git/config.txt", "test_app.py"]
)
def test_a_hostile_path_in_a_reply_is_refused(path: str) -> None:
    replies = {
        "whole": f"{path}\n```\nowned\n```\n",
        "diff": block("", "owned\n", path),
        "udiff": f"```diff\n--- /dev/null\n+++ {path}\n@@ @@\n+owned\n```\n",
        "patch": f"*** Begin Patch\n*** Add File: {path}\n+owned\n*** End Patch\n",
    }
    for name, reply in replies.items():
        files, report = apply(parse(reply, name), ONE)
        assert (files, report.ok) == (ONE, False), name
        assert [r.status for r in report.failed] == ["bad_path"], name


def test_all_positions_of_an_ambiguous_text_are_named() -> None:
    script = parse(block("x\n", "y\n", "a.py"))
    _, report = apply(script, {"a.py": "x\n1\nx\nx\n"})
    (failed,) = report.failed
    assert failed.positions == (1, 3, 4)
    assert "lines 1, 3, 4" in failed.message


def test_overlapping_places_are_several() -> None:
    _, report = apply(parse(block("x\nx\n", "y\n", "a.py")), {"a.py": "x\nx\nx\n"})
    assert report.failed[0].positions == (1, 2)


def test_the_report_says_what_would_have_been_applied() -> None:
    script = parse(block("    return 1\n", "    return 11\n") + block("no such line\n", "x\n"))
    files, report = apply(script, ONE)
    assert [r.status for r in report.per_op] == ["applied", "no_match"]
    assert files == ONE


def test_a_text_in_another_file_names_that_file() -> None:
    _, report = apply(parse(block("    return value\n", "    return 0\n")), TWO)
    assert report.failed[0].elsewhere == ("lib/util.py",)


def test_the_likeliest_place_is_shown_with_five_lines_around() -> None:
    lines = [f"line {n}" for n in range(20)]
    lines[10] = "total = compute(left, right) + offset"
    text = "".join(f"{line}\n" for line in lines)
    script = parse(block("total = complete(left) - offst2\n", "x\n", "a.py"))
    _, report = apply(script, {"a.py": text})
    near = report.failed[0].near
    assert near is not None
    assert (near.first, near.last, near.start, len(near.lines)) == (11, 11, 6, 11)
    assert 0.6 <= near.ratio < 0.8


def test_tolerance_can_be_bounded() -> None:
    script = parse(block("def one() :\n    return 1\n", "def one():\n    return 11\n"))
    assert apply(script, ONE)[1].level == "fuzzy"
    _, report = apply(script, ONE, EditRules(level="elision"))
    assert [r.status for r in report.failed] == ["no_match"]


def test_what_may_be_read_only_is_not_written() -> None:
    script = parse(block("    return 1\n", "    return 11\n"))
    files, report = apply(script, ONE, EditRules(readonly=frozenset({"app.py"})))
    assert (files, report.failed[0].status) == (ONE, "bad_path")


def test_tests_can_be_allowed() -> None:
    script = parse("tests/test_app.py\n```\nx = 1\n```\n", "whole")
    assert not apply(script, ONE)[1].ok
    files, report = apply(script, ONE, EditRules(tests=True))
    assert report.ok
    assert files["tests/test_app.py"] == "x = 1\n"


def test_lines_that_stay_keep_their_own_blanks_and_endings() -> None:
    text = "a  \r\nb\t\nc\r\n"
    _, strict = apply(parse(block("a\nb\nc\n", "a\nB\nc\n", "f.txt")), {"f.txt": text})
    assert strict.level == "blank"
    files, _ = apply(parse(block("a\nb\nc\n", "a\nB\nc\n", "f.txt")), {"f.txt": text})
    assert files["f.txt"] == "a  \r\nB\nc\r\n"


def test_indentation_is_not_guessed() -> None:
    text = "if a:\n        x = compute(1)\n    y = compute(2)\n"
    script = parse(block("x = compute(1)\ny = compute(2)\n", "x = 0\ny = 0\n", "a.py"))
    files, report = apply(script, {"a.py": text})
    assert (files["a.py"], report.failed[0].status) == (text, "no_match")


def test_the_offset_moves_the_new_lines_by_the_same_blanks() -> None:
    text = "class A:\n\tdef f(self):\n\t\treturn 1\n"
    script = parse(
        block("def f(self):\n\treturn 1\n", "def f(self):\n\tx = 2\n\n\treturn x\n", "a.py")
    )
    files, report = apply(script, {"a.py": text})
    assert report.level == "indent"
    assert files["a.py"] == "class A:\n\tdef f(self):\n\t\tx = 2\n\n\t\treturn x\n"


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="diff-fenced"):
        parse("", "dif-fenced")
    assert parse(block("a\n", "b\n"), "editor-diff").format == "diff"


def test_a_text_that_repeats_everywhere_is_ambiguous_at_once() -> None:
    for line in ("a = 1\n", "  a = 1\n", "a = 1  \n"):
        _, report = apply(parse(block("a = 1\n" * 30, "x\n", "a.py")), {"a.py": line * 5000})
        assert report.failed[0].status == "ambiguous"
        assert len(report.failed[0].positions) == 64
