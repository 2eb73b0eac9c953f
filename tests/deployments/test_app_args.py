import json

import pytest
from pydantic import ValidationError

from votebox.deployments import AppArgs, ModelArgs, build
from votebox.deployments.solver import endpoint_engine
from votebox.plugins import EngineError

ASKED = {"kind": "endpoint", "url": "http://x/v1", "name": "m"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": {}}, "model"),
        ({"models": {}}, "models"),
        ({"models": {"a": {"kind": "cloud"}}}, "kind"),
        ({"models": {"a": {"kind": "endpoint"}}}, "url"),
        ({"models": {"a": {"url": "http://x/v1"}}}, "url"),
        ({"models": {"a": {"rules": {}}}}, "`rules` belong to kind 'endpoint'"),
        ({"models": {"a": {**ASKED, "rules": {"blocks": ["x"]}}}}, "rules.blocks"),
        ({"models": {"a": {**ASKED, "rules": {"sampling": {"top_p": 2}}}}}, "top_p = 2"),
        ({"models": {"a": {"tensor_parallel_size": 4}}}, "cluster"),
        ({"models": {"a": {"kind": "cluster", "min_replicas": 2}}}, "max_replicas"),
        ({"sandbox": {"workers": 0}}, "workers"),
        ({"plugins": {"blocked": ["../x"]}}, "not the name of a plugin"),
        ({"plugins": {"allowed": ["vote:majority"]}}, "names whole plugins"),
    ],
)
def test_wrong_arguments_are_refused_by_name(given, message):
    with pytest.raises(ValidationError, match=message):
        AppArgs.model_validate(given)


def test_code_from_a_model_repository_is_off_unless_asked():
    assert ModelArgs().trust_remote_code is False


def test_missing_model_folder_shows_before_anything_starts():
    args = AppArgs.model_validate({"models": {"a": {"source": "/no/such/model"}}})
    with pytest.raises(EngineError, match="/no/such/model does not exist"):
        build(args)


def test_root_is_the_ingress_or_the_solver():
    assert build(AppArgs())._bound_deployment.name == "Ingress"
    assert build(AppArgs(ingress=False))._bound_deployment.name == "Solver"


def test_models_of_several_roles_and_kinds_build():
    args = AppArgs.model_validate(
        {
            "models": {
                "reasoner": {},
                "editor": {"kind": "endpoint", "url": "http://host/v1", "name": "m"},
            }
        }
    )
    assert build(args)._bound_deployment.name == "Ingress"


def test_every_solver_replica_is_told_which_plugins_may_load():
    args = AppArgs.model_validate({"ingress": False, "plugins": {"allowed": ["mine"]}})
    told = build(args)._bound_deployment.init_kwargs["plugins"]
    assert told == {"blocked": [], "allowed": ["mine"]}


async def test_the_rules_of_an_endpoint_reach_its_engine():
    rules = {"sampling": {"top_k": 20, "stop": ["x"]}, "block": ["Mancer"], "context_min": 9}
    args = AppArgs.model_validate({"ingress": False, "models": {"a": {**ASKED, "rules": rules}}})
    endpoints = build(args)._bound_deployment.init_args[1]
    engine = endpoint_engine(json.loads(json.dumps(endpoints["a"])))  # plain, as Ray takes it
    assert engine.sampling == {"top_k": 20, "stop": ("x",)}
    await engine.close()
