from votebox.cluster.stages import root_cause, stage_text, what_failed


def test_a_stage_names_what_is_not_up_yet_the_slowest_first() -> None:
    states = {"Jails": "UPDATING", "LLM:reasoner": "UPDATING", "Solver": "HEALTHY"}
    assert stage_text(states) == "loading the model, starting the sandbox"
    assert stage_text({"Other": "UPDATING"}) == "starting Other"
    assert stage_text({}) == "deploying the application"


def test_the_line_that_says_most_is_the_last_error() -> None:
    message = (
        "The deployment failed to start.\nTraceback:\n  ValueError: x\nvotebox.EngineError: y z\n"
    )
    assert what_failed(message) == "EngineError: y z"
    assert what_failed("only words\n") == "only words"
    assert what_failed("") == "unknown reason"


def test_a_cause_is_found_inside_its_wrappers() -> None:
    inner = ValueError("inner")
    outer = RuntimeError("outer")
    outer.cause = inner  # type: ignore[attr-defined]
    assert root_cause(outer) is inner
    assert root_cause(inner) is inner
