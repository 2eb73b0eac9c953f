"""What Serve's REST API tells of applications that run, for tests of deploying."""

from votebox.cluster.preset import serve_config
from votebox.cluster.rollout import pinned

PINS = {"plugins": {"extra": "1.0"}, "recipes": {"vote": "abc"}}
NOTHING = {"applications": {}}


def running(config, status="RUNNING", **others):
    apps = {app["name"]: app for app in config["applications"]} | others
    told = {
        name: {"status": status, "message": "", "deployed_app_config": app, "deployments": {}}
        for name, app in apps.items()
    }
    kept = {key: value for key, value in config.items() if key != "applications"}
    return {**kept, "applications": told}


def with_args(**args):
    config = pinned(serve_config("qwq-32b-awq"), PINS)
    (app,) = config["applications"]
    return {**config, "applications": [{**app, "args": {**app["args"], **args}}]}
