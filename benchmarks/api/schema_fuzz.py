"""Let schemathesis ask whatever the OpenAPI document allows, and what it forbids.

    uv run python benchmarks/api/schema_fuzz.py --seconds 600 --examples 300

Over real HTTP, with a key. Fails on a 5xx, a status, header or body that the document does
not know, invalid data that is taken, a missing key that is not noticed. The names of models
and recipes are put into the document first, for a random one gets no further than a 404.
That data of the right form is always taken is not asked: a schema cannot say that a question
must not be blank or that `stream` excludes `background`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import httpx
from serving import MODEL, RECIPE, Door, open_door

__all__ = ["fuzz"]

PHASES: Final = "examples,coverage,fuzzing,stateful"

NAMES: Final = {
    "ChatRequest": ("model", [f"votebox/{RECIPE}", MODEL]),
    "ResponsesRequest": ("model", [f"votebox/{RECIPE}"]),
    "SolveBody": ("recipe", [RECIPE]),
}


def fuzz(
    door: Door, *, seconds: float, examples: int, seed: int, phases: str = PHASES
) -> tuple[int, str]:
    """Return schemathesis' exit status, 0 where it found nothing, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        described = Path(folder) / "openapi.json"
        described.write_text(json.dumps(narrowed(httpx.get(f"{door.url}/openapi.json").json())))
        command = [sys.executable, "-m", "schemathesis.cli", "run", str(described)]
        command += [
            "--url",
            door.url,
            "--header",
            f"Authorization: {door.headers['authorization']}",
        ]
        command += [
            "--phases",
            phases,
            "--checks",
            "all",
            "--exclude-checks",
            "positive_data_acceptance",
        ]
        command += ["--max-examples", str(examples), "--max-time", str(int(seconds))]
        command += ["--seed", str(seed), "--continue-on-failure", "--request-timeout", "60"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the names that there are."""
    for schema, (field, names) in NAMES.items():
        document["components"]["schemas"][schema]["properties"][field] = {"enum": names}
    return document


def main() -> int:
    """Run it and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with open_door(pause_s=0.001, max_queued=64) as door:
        status, report = fuzz(door, seconds=given.seconds, examples=given.examples, seed=given.seed)
    print(report)
    return status


if __name__ == "__main__":
    sys.exit(main())
