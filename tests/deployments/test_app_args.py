import pytest
from pydantic import ValidationError

from votebox.deployments import AppArgs, ModelArgs, build
from votebox.plugins import EngineError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": {}}, "model"),
        ({"models": {}}, "models"),
        ({"models": {"a": {"kind": "cloud"}}}, "kind"),
        ({"models": {"a": {"kind": "endpoint"}}}, "url"),
        ({"models": {"a": {"url": "http://x/v1"}}}, "url"),
        ({"models": {"a": {"tensor_parallel_size": 4}}}, "cluster"),
        ({"models": {"a": {"kind": "cluster", "min_replicas": 2}}}, "max_replicas"),
        ({"sandbox": {"workers": 0}}, "workers"),
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
