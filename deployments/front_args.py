"""Hold the settings of the front door; the fields of AppArgs.front."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FrontArgs"]

Count = Annotated[int, Field(ge=1)]


class FrontArgs(BaseModel):
    """Say who may ask, how much at once, and what is kept.

    `keys` is a file of API keys (see keys.py); those of the variable VOTEBOX_KEYS count,
    too. Without any, only callers on this machine are served. `cors_origins` are the web
    sites whose pages may ask, none by default. `max_running` solves run at once (None: as
    many as the solvers take), `max_queued` wait and one more of each key that has none
    waiting, the next gets 429. `max_body_bytes` is the largest request. `keep_solves` ended solves of at most `keep_mib` MiB can be looked at.
    `keep_alive_s` is after how many seconds of silence a stream sends a comment.
    `log_questions` writes the beginning of each question into the log.
    """

    model_config = ConfigDict(extra="forbid")

    keys: str | None = None
    cors_origins: list[str] = []
    max_running: Count | None = None
    max_queued: Annotated[int, Field(ge=0)] = 256
    max_body_bytes: Count = 2 * 2**20
    keep_solves: Count = 200
    keep_mib: Count = 64
    keep_alive_s: Annotated[float, Field(gt=0)] = 15.0
    log_questions: bool = False
