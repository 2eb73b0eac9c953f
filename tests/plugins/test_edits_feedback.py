"""What a model is told of edits that failed."""

from edit_replies import APP, ONE, TWO, block

from votebox.plugins.edits import FeedbackLimits, apply, feedback, parse

GOOD = block("    return 1\n", "    return 11\n")


def told(reply: str, files: dict[str, str] = ONE, name: str = "diff", reason: str = "stop") -> str:
    return feedback(apply(parse(reply, name, reason), files)[1])


def test_nothing_is_told_of_what_was_applied() -> None:
    assert told(GOOD) == ""


def test_a_failed_block_is_quoted_with_its_class_and_the_likeliest_place() -> None:
    text = told(block("def one(argument): pass\n    return 1\n", "x\n"))
    assert "no_match" in text
    assert "def one(argument): pass\n    return 1" in text
    assert "Most alike in app.py are lines 4 to 5; from line 1 it reads:\nimport os\n" in text


def test_all_positions_of_an_ambiguous_text_are_told() -> None:
    assert "2 places of a.py: lines 1, 3" in told(
        block("x\n", "y\n", "a.py"), {"a.py": "x\n1\nx\n"}
    )


def test_what_would_have_been_applied_must_be_sent_again() -> None:
    text = told(GOOD + block("no such line\n", "x\n"))
    assert "no file has changed" in text
    assert "sent again: app.py (line 3 of the reply)" in text


def test_the_new_text_in_the_file_already_is_noted() -> None:
    text = told(block("gone = 0\n", "a = 1\n", "a.py"), {"a.py": "a = 1\n"})
    assert "The new lines are in a.py already" in text


def test_the_file_that_holds_the_text_is_named() -> None:
    assert "it is in lib/util.py" in told(block("    return value\n", "x\n"), TWO)


def test_a_fault_of_the_text_is_quoted_as_far_as_it_goes() -> None:
    text = told(GOOD.replace(">>>>>>> REPLACE\n", ""))
    assert 'write ">>>>>>> REPLACE"' in text
    assert "    return 11\n>>> here it broke off" in text


def test_a_reply_without_edit_is_told_so() -> None:
    assert "holds no edit" in told("I would change it.")


def test_failures_of_several_replies_are_merged() -> None:
    bad, other = block("nowhere at all\n", "x\n"), block("    return\n", "y\n", "nope_file.py")
    reports = [apply(parse(reply), ONE)[1] for reply in (bad, bad, other, GOOD, bad)]
    text = feedback(reports)
    assert text.count("nowhere at all") == 1
    assert "(3 of 4 replies)" in text
    assert text.index("nowhere at all") < text.index("nope_file.py")


def test_the_text_is_bounded() -> None:
    reply = "".join(block(f"line {n}\n" + "z" * 500 + "\n", "x\n") for n in range(50))
    report = apply(parse(reply), {"app.py": APP})[1]
    text = feedback(report, FeedbackLimits(failures=3, chars=100))
    assert "47 more failures" in text
    assert len(text) < 2000
