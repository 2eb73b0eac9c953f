"""Check a cluster for what a preset asks of it: gather from every node, then judge."""

from votebox.cluster.cluster_checks import Wanted, check_cluster
from votebox.cluster.cluster_facts import ask_nodes
from votebox.cluster.doctor import Finding

__all__ = ["diagnose_cluster", "wanted_of"]


def diagnose_cluster(address: str, preset: str | None) -> list[Finding]:
    """Return all findings on the cluster at `address` for a preset, None for the defaults.

    Raises:
        BadUsage: the preset or its recipe cannot be used.
        Failed: there is no cluster.
    """
    wanted = wanted_of(preset)
    models = wanted.args.models.values()
    sources = [model.shown_name for model in models if model.kind != "endpoint"]
    return check_cluster(ask_nodes(address, sources), wanted)


def wanted_of(preset: str | None) -> Wanted:
    """Return what a preset asks of a cluster; raise BadUsage as preset.load_preset."""
    from votebox.cluster.checks import check_recipe
    from votebox.cluster.preset import check_served, load_preset, serve_config
    from votebox.deployments.app_args import AppArgs
    from votebox.plugins import Registry

    args = AppArgs.model_validate(load_preset(preset) if preset else {})
    recipe = check_recipe(args.solver.recipe, Registry.load(), files=False)
    timeout_s = None
    if preset:
        config = serve_config(preset)
        check_served(preset, config)
        timeout_s = (config.get("http_options") or {}).get("request_timeout_s")
    return Wanted(args, recipe.chains, recipe.budget.deadline_s, timeout_s)
