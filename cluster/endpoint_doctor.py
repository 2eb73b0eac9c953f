"""Ask every endpoint of a file whether it serves its model, and how much of a prompt it reads."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from votebox.cluster.doctor import Finding
from votebox.cluster.endpoint_roles import engine_of
from votebox.cluster.errors import BadUsage

if TYPE_CHECKING:
    from votebox.deployments.endpoint_roles import EndpointTable

__all__ = ["diagnose_endpoints"]


def diagnose_endpoints(file: Path) -> list[Finding]:
    """Return one finding for each role, in the file's order; the context is always measured.

    Raises:
        BadUsage: the file cannot be used.
    """
    from votebox.deployments.endpoint_roles import EndpointsError, read_endpoints

    try:
        tables = read_endpoints(file)
    except EndpointsError as e:
        raise BadUsage(f"{e.where}: {e.problem}", e.fix) from e

    async def all_of_them() -> list[Finding]:
        asked = (_examined(str(file), role, table) for role, table in tables.items())
        return list(await asyncio.gather(*asked))

    return asyncio.run(all_of_them())


async def _examined(file: str, role: str, table: "EndpointTable") -> Finding:
    from votebox.deployments.endpoint_roles import EndpointsError, serving
    from votebox.plugins import EngineError

    started = time.monotonic()
    try:
        serving(file, {role: table}, [role])
        async with engine_of(table.model_copy(update={"probe": True})) as engine:
            context, model = engine.context, engine.model
    except EndpointsError as e:
        return Finding(role, "fail", e.problem, e.fix)
    except EngineError as e:
        return Finding(role, "fail", f"{e.model}: {e.problem}", e.fix)
    served = f"{model} at {table.url}"
    if context is None:
        fix = "set context_min to what prompt and longest answer take"
        return Finding(role, "ok", f"{served}; its context is not measured: {fix}")
    if context.state == "unknown":
        fix = "see what the server says of its context; probe = false asks no more"
        return Finding(role, "warn", f"{served} repeats no number, so nothing is measured", fix)
    who = f", provider {context.provider}" if context.provider else ""
    took = f"{time.monotonic() - started:.1f} s"
    read = f"reads a prompt of {context.tokens:,} tokens, {table.context_min:,} with the answer"
    return Finding(role, "ok", f"{served} {read}{who} ({took})")
