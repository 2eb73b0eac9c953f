"""Sample the roles of a recipe from the endpoints that a file names: `--endpoints FILE`."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from votebox.cluster.errors import BadUsage
from votebox.cluster.screen import Show

if TYPE_CHECKING:
    from votebox.deployments.endpoint_roles import EndpointTable
    from votebox.deployments.engine_endpoint import EndpointEngine
    from votebox.plugins import Engine, Recipe

__all__ = ["Roles", "costs", "costs_text", "engine_of", "named_roles", "roles_text", "start_roles"]

type Roles = Mapping[str, "EndpointTable"]


def named_roles(file: str | None, recipe: "Recipe") -> Roles | None:
    """Return the endpoint of each role of a recipe, None without a file.

    Raises:
        BadUsage: the file cannot be used, serves not every role, or a key is not there.
    """
    if file is None:
        return None
    from votebox.deployments.endpoint_roles import EndpointsError, read_endpoints, serving

    try:
        return serving(file, read_endpoints(file), recipe.roles)
    except EndpointsError as e:
        raise BadUsage(f"{e.where}: {e.problem}", e.fix) from e


def roles_text(roles: Roles | None) -> str | None:
    """Return each role with its model and a digest of all that decides its replies."""
    if roles is None:
        return None
    idle = {"key_env", "concurrency", "probe", "price"}
    told = []
    for role, table in roles.items():
        digest = sha256(table.model_dump_json(exclude=idle).encode()).hexdigest()[:12]
        told.append(f"{role}={table.model or table.url} ({digest})")
    return ", ".join(told)


async def start_roles(roles: Roles, show: Show, stack: AsyncExitStack) -> dict[str, "Engine"]:
    """Start an engine for each endpoint, one for all roles it serves; `stack` closes them.

    Raises:
        EngineError: an endpoint does not answer, or reads less than it is to hold.
    """
    engines: dict[str, Engine] = {}
    for role, table in roles.items():
        shared = next((r for r in engines if roles[r] is table), None)
        if shared is not None:
            engines[role] = engines[shared]
            continue
        measured = table.context_min and table.probe
        what = "measuring the context of" if measured else "asking"
        show({"type": "stage", "text": f"{what} {role} at {table.url}"})
        engines[role] = await stack.enter_async_context(engine_of(table))
    return engines


def engine_of(table: "EndpointTable") -> "EndpointEngine":
    """Return the engine of one endpoint, not started."""
    from votebox.deployments.engine_endpoint import EndpointEngine

    return EndpointEngine(
        table.url,
        model=table.model,
        key_env=table.key_env,
        concurrency=table.concurrency,
        rules=table.rules,
    )


def costs(
    verdict: Mapping[str, Any], recipe: "Recipe", roles: Roles
) -> dict[str, dict[str, float]]:
    """Return what the replies of a verdict cost, by currency and role, aborted ones included.

    A role without a price is left out. Tokens of prompts that were asked again after a
    provider's failure, and those of measuring a context, are not in a verdict.
    """
    spent: dict[str, dict[str, float]] = {}
    for chain in verdict["chains"]:
        for reply in chain["completions"]:
            node = recipe.nodes.get(reply.get("node", ""))
            price = roles[node.name].price if node is not None and node.name in roles else None
            if node is not None and price is not None:
                of_role = spent.setdefault(price.currency, {})
                cost = price.of(reply["prompt_tokens"], reply["completion_tokens"])
                of_role[node.name] = of_role.get(node.name, 0.0) + cost
    return spent


def costs_text(spent: Mapping[str, Mapping[str, float]]) -> str:
    """Return costs as one line, "" for none.

    >>> costs_text({"USD": {"architect": 0.0123, "editor": 0.001}})
    'cost 0.0133 USD: architect 0.0123, editor 0.001'
    """
    parts = []
    for currency, by_role in spent.items():
        each = ", ".join(f"{role} {cost:.3g}" for role, cost in by_role.items())
        parts.append(f"cost {sum(by_role.values()):.3g} {currency}: {each}")
    return "; ".join(parts)
