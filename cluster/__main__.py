"""The program `votebox`, also `python -m votebox.cluster`."""

import os
import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Let Python keep the bytecode of what it imports, and run the command line.

    Containers often set PYTHONDONTWRITEBYTECODE. Then each of our processes would compile
    the thousands of modules of torch, vLLM and Ray again: two thirds of a start. Where the
    installation is not ours to write, Python keeps none, and `votebox doctor` says so.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    from votebox.cluster.cli import main as run

    run()


if __name__ == "__main__":
    main()
