"""Apply what the caller asks for to a recipe: the ladder's step first, then the options."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from votebox.plugins.errors import RecipeError
from votebox.plugins.loader import measured
from votebox.plugins.options import SolveOptions
from votebox.plugins.recipe import Budget, Node, Recipe
from votebox.plugins.registry import Registry
from votebox.plugins.uses import use_of

__all__ = ["overridden", "with_sampling", "with_vote"]


def overridden(recipe: Recipe, options: SolveOptions, registry: Registry) -> Recipe:
    """Return the recipe as one solve runs it; its hash stays that of the recipe.

    Raises:
        ProblemError: there is no such stop rule, dispatcher or vote, or a value does not fit.
        RecipeError: the recipe has not exactly one vote to replace.
    """
    recipe = replace(recipe, budget=_budget(recipe.budget, options))
    step = recipe.step(recipe.budget.deadline_s)
    recipe = replace(
        recipe,
        nodes=_sampled(recipe, options, (step and step.max_tokens) or None),
        chains=options.planned((step and step.chains) or recipe.chains),
        rounds=options.rounds or recipe.rounds,
        stop=(step and step.stop) or recipe.stop,
    )
    if options.stop is not None:
        recipe = replace(recipe, stop=use_of("stop", options.stop, registry))
    if options.dispatch is not None:
        recipe = replace(recipe, dispatch=use_of("dispatch", options.dispatch, registry))
    if options.vote is not None:
        recipe = with_vote(recipe, options.vote, registry)
    # A rule or vote of the caller's may read log-probabilities the recipe does not ask for.
    return replace(recipe, nodes=measured(recipe.nodes, [recipe.stop.plugin]))


def with_sampling(recipe: Recipe, by_role: Mapping[str, Mapping[str, Any]]) -> Recipe:
    """Return the recipe with fields of Sampling changed in the model nodes of some roles.

    >>> from votebox.plugins import Registry
    >>> solo = with_sampling(Registry.load().recipe("solo"), {"architect": {"top_k": 20}})
    >>> solo.nodes["write"].sampling.top_k
    20
    """

    def changed(node: Node) -> Node:
        given = by_role.get(node.name) if node.kind == "model" else None
        return replace(node, sampling=replace(node.sampling, **given)) if given else node

    nodes = {name: changed(node) for name, node in recipe.nodes.items()}
    return replace(recipe, nodes=nodes)


def with_vote(recipe: Recipe, name: str, registry: Registry) -> Recipe:
    """Return the recipe with another vote in place of its only one.

    Raises:
        ProblemError, RecipeError: as `overridden`.
    """
    votes = [node.id for node in recipe.nodes.values() if node.kind == "vote"]
    if len(votes) != 1:
        problem = f"has {len(votes)} votes ({', '.join(votes)}), so {name!r} cannot replace its own"
        raise RecipeError(recipe.name, "", problem, "ask without a vote, or change the recipe")
    use = use_of("vote", name, registry)
    plugin, options = use.plugin, use.options
    node = replace(recipe.nodes[votes[0]], name=plugin.name, plugin=plugin, options=options)
    return replace(recipe, nodes={**recipe.nodes, node.id: node})


def _budget(budget: Budget, options: SolveOptions) -> Budget:
    given = {
        name: value
        for name in ("deadline_s", "max_total_tokens", "max_sandbox_s")
        if (value := getattr(options, name)) is not None
    }
    return replace(budget, **given)


def _sampled(recipe: Recipe, options: SolveOptions, max_tokens: int | None) -> dict[str, Node]:
    """Return the nodes, with each model sampled as asked; `max_tokens` is the ladder's."""
    given: dict[str, Any] = {"max_tokens": max_tokens} if max_tokens else {}
    given |= options.sampling
    more = options.stop_strings or ()

    def sampled(node: Node) -> Node:
        if node.kind != "model":
            return node
        stop = tuple(dict.fromkeys((*node.sampling.stop, *more)))
        return replace(node, sampling=replace(node.sampling, **given, stop=stop))

    return {name: sampled(node) for name, node in recipe.nodes.items()}
