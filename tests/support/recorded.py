"""Events of one solve, as an app sends them, with what a hostile model may write."""

from typing import Any

NASTY = "\x1b[2J\x1b]0;owned\x07[bold red]markup[/] \u202eabc"

VERDICT: dict[str, Any] = {
    "answer": "6576",
    "abstained": False,
    "reason": "3 of 4 votes",
    "stop_reason": "consensus",
    "stopped_by": "fhpc:0.02",
    "confidence": 0.75,
    "votes": [
        {"answer": "6576", "weight": 3.0, "chains": [0, 1, 3], "members": ["6576"]},
        {"answer": NASTY, "weight": 1.0, "chains": [2], "members": [NASTY]},
    ],
    "rejected": [],
    "contributions": [],
    "usage": {
        "prompt_tokens": 80,
        "completion_tokens": 120,
        "aborted_tokens": 10,
        "executions": 1,
        "sandbox_s": 0.1,
        "total_tokens": 200,
        "chains": 5,
        "chains_aborted": 1,
    },
    "chains": [],
    "recipe": "vote",
    "recipe_hash": "0123456789ab",
    "seed": 7,
    "wall_s": 2.345,
    "problem_id": "",
}

ABSTAINED: dict[str, Any] = {
    **VERDICT,
    "answer": None,
    "abstained": True,
    "reason": "no chain gave an answer",
    "stopped_by": None,
    "confidence": 0.0,
    "votes": [],
}


def solve_events(verdict: dict[str, Any] = VERDICT) -> list[dict[str, Any]]:
    """Return the events of a solve of five chains that ends with `verdict`."""
    execution = {"status": "ok", "stdout": "6576\n", "stderr": ""}
    started = {"type": "solve_started", "recipe": "vote", "chains": 5, "seed": 7, "models": ["m"]}
    chains = [{"type": "chain_started", "chain": n, "label": "concise"} for n in range(5)]
    text = {"type": "chain_text", "node": "think", "round": 0, "tokens": 3}
    return [
        {"type": "stage", "text": "loading the model"},
        started,
        *chains,
        {**text, "chain": 0, "text": "137 times 48 "},
        {**text, "chain": 2, "text": NASTY},
        {**text, "chain": 0, "text": "is 6576."},
        {"type": "program_started", "chain": 1, "code": "print(137 * 48)"},
        {"type": "program_finished", "chain": 1, "execution": execution},
        {"type": "candidate_read", "chain": 0, "source": "boxed", "answer": "6576"},
        {"type": "chain_finished", "chain": 0, "ended": "answered", "tokens": 8},
        {"type": "vote_changed", "votes": [["6576", 1.0]], "finished": 1, "planned": 5, "need": 2},
        {"type": "something_newer", "chain": 1, "what": 1},
        {"type": "candidate_read", "chain": 2, "source": "boxed", "answer": NASTY},
        {"type": "chain_finished", "chain": 2, "ended": "answered", "tokens": 9},
        {
            "type": "vote_changed",
            "votes": [["6576", 1.0], [NASTY, 1.0]],
            "finished": 2,
            "planned": 5,
            "need": 2,
        },
        {"type": "chain_finished", "chain": 4, "ended": "aborted", "tokens": 2},
        {"type": "verdict_reached", "verdict": verdict},
    ]
