"""Whatever the text: reading never raises, nothing half done is ever written."""

from collections.abc import Mapping

import pytest
from edit_replies import HOSTILE_PATHS, REPLIES
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from votebox.plugins.edits import FORMATS, EditRules, apply, parse, render
from votebox.plugins.edits_text import Text, lines_of

PIECES = [
    "app.py", "lib/util.py", "**app.py**:", "```", "````", "```python", "```diff", "<source>", "</source>", "<pre>",
    "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "<<<< SEARCH", "--- a/app.py", "+++ b/app.py", "--- /dev/null", "+++ /dev/null",
    "@@ -1,2 +1,2 @@", "@@", "*** Begin Patch", "*** Update File: app.py", "*** Add File: new.py", "*** Delete File: app.py",
    "*** Move to: b.py", "*** End of File", "*** End Patch", "rename from app.py", "rename to b.py", "...", "# ... rest", "",
    " a", "-a", "+b", "a", "    return 1", "-    return 1", " def one():", "\\ No newline at end of file", "`app.py`", "New file: x.py",
]  # fmt: skip
LINES = st.one_of(
    st.sampled_from(PIECES),
    st.text(max_size=12),
    st.sampled_from(HOSTILE_PATHS).map(lambda p: f"+++ {p}"),
    st.sampled_from(HOSTILE_PATHS).map(lambda p: f"*** Add File: {p}"),
    st.sampled_from(HOSTILE_PATHS),
)
TEXTS = st.lists(LINES, max_size=30).map("\n".join)
FILES = {"app.py": "import os\n\ndef one():\n    return 1\na\n", "lib/util.py": "a\n\nb\r\n"}
WORDS = st.sampled_from(
    ["a", "b", "", "    a", "x = 1", "=======", "<<<<<<< SEARCH", ">>>>>>> REPLACE", "```", "<source>", "-- x", "++ y", "...",
     "*** End Patch", "@@", "--- a", "+++ b", "\tb", "a  ", "<pre>", "````"]
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=TEXTS, name=st.sampled_from(sorted(FORMATS)), reason=st.sampled_from(["stop", "length"])
)
def test_any_text_gives_a_script_and_files_change_only_if_all_is_well(
    text: str, name: str, reason: str
) -> None:
    script = parse(text, name, reason)
    assert script.ops or script.faults
    files, report = apply(script, FILES)
    if not report.ok:
        assert files == FILES
    safe(files)


@settings(max_examples=300, deadline=None)
@given(text=st.text())
def test_no_text_raises(text: str) -> None:
    for name in FORMATS:
        assert parse(text, name).format == name


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_replies_cut_off_anywhere_never_half_apply(name: str) -> None:
    for reply in (r for r in REPLIES if r.format == name and r.after is not None):
        for end in range(0, len(reply.text), 7):
            script = parse(reply.text[:end], name, "length")
            files, report = apply(script, reply.files)
            assert report.ok or files == reply.files
            safe(files)


def safe(files: Mapping[str, str]) -> None:
    for path in files:
        assert not path.startswith(("/", "~", ".git"))
        assert ".." not in path.split("/")
        assert path.isprintable()
        assert ":" not in path
        assert "\\" not in path


@settings(max_examples=300, deadline=None)
@given(
    before=st.lists(WORDS, min_size=1, max_size=14),
    after=st.lists(WORDS, max_size=14),
    name=st.sampled_from(["udiff", "patch"]),
)
@example(before=["x", "y"], after=["x", "y", "y"], name="udiff")
@example(before=["-- x", "a"], after=["++ y", "a"], name="udiff")
@example(before=[""], after=["a", ""], name="patch")
def test_a_rendered_diff_makes_its_change(before: list[str], after: list[str], name: str) -> None:
    made(before, after, name)


PLAIN = st.sampled_from(
    [
        "a",
        "b",
        "",
        "    a",
        "    b",
        "x = 1",
        "y = 2",
        "if a:",
        "\tc",
        "d  ",
        "<pre>",
        "```",
        ".....",
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    before=st.lists(PLAIN, min_size=1, max_size=14),
    after=st.lists(PLAIN, min_size=1, max_size=14),
    name=st.sampled_from(sorted(FORMATS)),
)
def test_a_rendered_change_of_plain_lines_is_made(
    before: list[str], after: list[str], name: str
) -> None:
    made(before, after, name)


@settings(max_examples=150, deadline=None)
@given(
    before=st.lists(WORDS, min_size=1, max_size=10),
    after=st.lists(WORDS, min_size=1, max_size=10),
    name=st.sampled_from(["diff", "diff-fenced", "whole"]),
)
def test_a_change_of_lines_like_markers_is_made_or_refused(
    before: list[str], after: list[str], name: str
) -> None:
    if {"<<<<<<< SEARCH", ">>>>>>> REPLACE"} <= {*after}:
        return  # nobody can tell them from two blocks
    made(before, after, name, refusable=True)


def made(before: list[str], after: list[str], name: str, *, refusable: bool = False) -> None:
    old, new = written(before), written(after)
    if old == new or (name == "whole" and not new.strip()):
        return
    reply = render({"f.txt": old}, {"f.txt": new}, name)
    files, report = apply(parse(reply, name), {"f.txt": old})
    if refusable and not report.ok:
        assert files == {"f.txt": old}
        return
    assert report.ok, (reply, report)
    assert files == {"f.txt": new}, (reply, report)
    assert report.level == "exact"


def written(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(st.sampled_from(["aa", "bb  ", "  cc", "\tdd", "", "e e e", "ff"]), min_size=3, max_size=12),
    endings=st.lists(st.sampled_from(["\n", "\r\n"]), min_size=12, max_size=12),
    at=st.integers(0, 11),
    blanks=st.sampled_from(["", " ", "\t"]),
    offset=st.sampled_from(["", "    "]),
)  # fmt: skip
def test_tolerance_leaves_all_other_lines_as_they_are(
    lines: list[str], endings: list[str], at: int, blanks: str, offset: str
) -> None:
    at %= len(lines)
    text = "".join(line + end for line, end in zip(lines, endings, strict=False))
    first, last = max(0, at - 1), min(len(lines), at + 2)
    old = [offset + line + blanks for line in lines[first:last]]
    new = [*old]
    new[at - first] = offset + "brand new line"
    block = "\n".join(["f.txt", "<<<<<<< SEARCH", *old, "=======", *new, ">>>>>>> REPLACE"])
    files, report = apply(parse(block), {"f.txt": text})
    if not report.ok:
        assert files == {"f.txt": text}
        return
    got, had = Text.of(files["f.txt"]), Text.of(text)
    others = [n for n in range(len(lines)) if n != at]
    assert [(got.lines[n], got.endings[n]) for n in others] == [
        (had.lines[n], had.endings[n]) for n in others
    ]


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("ab\r\n\f\u2028 ")))
def test_a_text_is_the_same_taken_apart_and_put_together(text: str) -> None:
    apart = Text.of(text)
    assert str(apart) == text
    assert list(apart.lines) == lines_of(text)
    assert apart.written(apart.lines).lines == apart.lines


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("piece", PIECES)
def test_work_grows_with_the_text_and_no_faster(name: str, piece: str) -> None:
    counted = [steps(parse, f"{piece}\n" * size, name) for size in (300, 600, 1200)]
    assert counted[2] <= 2.6 * counted[1] + 2000, counted


def steps(function: object, *args: object) -> int:
    """Return how many lines of Python a call runs: time without a clock."""
    import sys

    count = 0

    def trace(frame: object, event: str, arg: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        function(*args)  # type: ignore[operator]
    finally:
        sys.settrace(None)
    return count


def test_rules_without_creation_make_no_file() -> None:
    files, report = apply(
        parse("new.py\n```\nx\n```\n", "whole"),
        {"a.py": "1\n", "b.py": "2\n"},
        EditRules(create=False),
    )
    assert (sorted(files), report.ok) == (["a.py", "b.py"], False)
