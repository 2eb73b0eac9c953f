"""A reply decides how much a model edits, not how long the edits are looked for."""

from votebox.plugins.edits import ApplyReport, apply, parse

LINES = [f"line number {n} stands here" for n in range(20_000)]
FILES = {"a.py": "\n".join(LINES) + "\n"}


def block(old: str, new: str = "new") -> str:
    return f"a.py\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


def report(reply: str, form: str = "diff") -> ApplyReport:
    return apply(parse(reply, form), FILES)[1]


def test_edits_of_an_ordinary_file_are_all_found_by_similarity() -> None:
    lines = [f"value_{n} = compute_of(argument_{n}, {n})" for n in range(0, 40_000, 100)]
    reply = "".join(block(line.replace("compute", "compite"), "x") for line in lines[:40])
    after, found = apply(parse(reply, "diff"), {"a.py": "\n".join(lines)})
    assert found.ok
    assert {op.level for op in found.per_op} == {"fuzzy"}
    assert after["a.py"].count("x\n") == 40


def test_a_text_in_very_many_pieces_is_refused() -> None:
    few, many = ("\n...\n".join(LINES[:n]) for n in (20, 200))
    assert report(block(few, few.replace("line number 3 ", "new "))).ok
    assert not report(block(many, many.replace("line number 3 ", "new "))).ok


def test_a_block_of_very_many_dividers_is_compared_with_nothing() -> None:
    reply = block("line number 7 stands hire\n" + "=======\n" * 30)
    assert report(reply).per_op[0].status == "no_match"


def test_a_hunk_loses_a_few_lines_of_context_and_no_more() -> None:
    def hunk(wrong: int) -> str:
        above = "".join(f" absent {n}\n" for n in range(wrong))
        return f"```diff\n--- a.py\n+++ a.py\n@@ @@\n{above} {LINES[4]}\n-{LINES[5]}\n+new\n```\n"

    assert report(hunk(3), "udiff").ok
    assert report(hunk(100), "udiff").per_op[0].status == "no_match"
