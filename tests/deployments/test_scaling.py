from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from votebox.deployments import AppArgs
from votebox.deployments.app import build
from votebox.deployments.scaling import CHAINS, POLICY, ByChains


def wanted(chains, requests=0.0):
    metrics = {CHAINS: dict(enumerate(chains))} if chains is not None else None
    context = SimpleNamespace(aggregated_metrics=metrics, total_num_requests=requests)
    return ByChains(chains=100, solves=8)(context)[0]


def test_one_solver_for_each_hundred_chains_rounded_up():
    assert [wanted(c) for c in ([], [1], [100], [100, 1], [250, 250])] == [0, 1, 1, 2, 5]


def test_solves_that_wait_count_where_their_chains_have_not_begun():
    assert wanted(None, requests=17) == 3
    assert wanted([400], requests=8) == 4


def test_the_solver_scales_by_chains_only_where_there_may_be_several():
    fixed = build(AppArgs(ingress=False))._bound_deployment
    assert fixed.num_replicas == 1
    given = {"ingress": False, "solver": {"max_replicas": 4, "target_chains": 7, "max_ongoing": 3}}
    scaled = build(AppArgs.model_validate(given))._bound_deployment
    policy = scaled._deployment_config.autoscaling_config.policy
    assert policy.policy_function == POLICY
    policy.serialize_policy()
    rule = policy.get_policy()(**policy.policy_kwargs)
    context = SimpleNamespace(aggregated_metrics={CHAINS: {"a": 15}}, total_num_requests=5)
    assert rule(context) == (3, {})


def test_parts_stay_on_the_nodes_that_offer_their_resource():
    args = AppArgs.model_validate({"place": {"front": "near", "jails": "far"}})
    ingress = build(args)._bound_deployment
    solver = ingress.init_args[0]._bound_deployment
    jails = solver.init_args[2]._bound_deployment
    placed = [d.ray_actor_options["resources"] for d in (ingress, solver, jails)]
    assert placed == [{"near": 0.001}, {"near": 0.001}, {"far": 0.001}]


def test_jails_may_scale_to_zero_and_solvers_may_not():
    assert AppArgs.model_validate({"sandbox": {"min_replicas": 0}}).sandbox.min_replicas == 0
    with pytest.raises(ValidationError, match="min_replicas"):
        AppArgs.model_validate({"solver": {"min_replicas": 0}})
    with pytest.raises(ValidationError, match="max_replicas is less"):
        AppArgs.model_validate({"solver": {"min_replicas": 3, "max_replicas": 2}})


def test_a_part_that_holds_solves_drains_and_new_ones_come_first_where_asked():
    def takeover(**update):
        ingress = build(AppArgs.model_validate({"update": update}))._bound_deployment
        solver = ingress.init_args[0]._bound_deployment
        jails = solver.init_args[2]._bound_deployment
        model = solver.init_args[0]["default"][0]._bound_deployment
        configs = [d._deployment_config for d in (ingress, solver, jails, model)]
        return [c.graceful_shutdown_timeout_s for c in configs[:2]], [
            c.max_surge_percent for c in configs
        ]

    assert takeover() == ([5.0, 5.0], [0, 0, 0, 0])
    assert takeover(drain_s=930, surge=True) == ([930.0, 930.0], [100, 100, 100, 0])
    assert takeover(surge_models=True) == ([5.0, 5.0], [0, 0, 0, 100])
