"""`votebox deploy` and `diff`: what would change, and what is sent."""

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files

import httpx
import pytest
from click.testing import CliRunner
from rollouts import NOTHING, PINS, running, with_args

from votebox.cluster.cli import run
from votebox.cluster.preset import preset_names, serve_config
from votebox.cluster.rollout import changes, pinned, put_config
from votebox.cluster.serve_rest import ServeRest
from votebox.deployments.pins import check_pins, installed
from votebox.plugins import PluginError, RecipeError, Registry


def told(before, after):
    return [str(change) for change in changes(before, after)]


def test_the_same_preset_changes_nothing():
    assert told(running(with_args()), with_args()) == []


def test_settings_versions_and_hashes_that_differ_are_named_with_both_values():
    after = with_args(
        pins={"plugins": {"extra": "1.1"}, "recipes": {"vote": "def", "new": "123"}},
        solver={"recipe": "vote", "min_replicas": 1, "max_replicas": 4, "target_chains": 512},
    )
    assert told(running(with_args()), after) == [
        "votebox solver.recipe: aimo-qwq -> vote",
        "votebox pins.plugins.extra: 1.0 -> 1.1",
        "votebox pins.recipes.vote: abc -> def",
        "votebox pins.recipes.new: none -> 123",
    ]


def test_a_default_written_out_is_no_change():
    assert told(running(with_args()), with_args(front={"max_queued": 256})) == []


def test_everything_is_new_on_an_empty_cluster():
    found = changes(NOTHING, with_args())
    assert {"votebox models.reasoner.tensor_parallel_size", "proxy_location"} <= {
        c.path for c in found
    }
    assert {c.before for c in found} == {"none"}


def test_the_values_of_environment_variables_are_never_shown():
    model = {"kind": "cluster", "source": "a/b", "env": {"HF_TOKEN": "hf_secret"}}
    text = "\n".join(told(NOTHING, with_args(models={"reasoner": model})))
    assert "hf_secret" not in text
    assert "1 variables" in text


def test_a_secret_that_changes_is_a_change_and_is_not_shown():
    def model(token):
        return {"models": {"reasoner": {"source": "a/b", "env": {"HF_TOKEN": token}}}}

    found = told(running(with_args(**model("hf_old"))), with_args(**model("hf_new")))
    assert found == ["votebox models.reasoner.env: 1 variables -> 1 variables, other values"]
    assert told(running(with_args(**model("hf_old"))), with_args(**model("hf_old"))) == []


def test_what_serve_itself_is_told_of_an_application_is_compared():
    def with_env(value):
        config = with_args()
        (app,) = config["applications"]
        env = {"pip": ["extra"], "env_vars": {"KEY": value}}
        return {**config, "applications": [{**app, "runtime_env": env}]}

    assert told(running(with_args()), with_env("k1")) == [
        "votebox runtime_env.pip: none -> ['extra']",
        "votebox runtime_env.env_vars: none -> 1 variables",
    ]
    found = told(running(with_env("k1")), with_env("k2"))
    assert found == ["votebox runtime_env.env_vars: 1 variables -> 1 variables, other values"]


def test_applications_of_others_are_sent_along_because_serve_deletes_what_it_is_not_told():
    other = {"name": "other", "import_path": "their.module:app", "route_prefix": "/other"}
    imperative = running(with_args(), other=other)
    imperative["applications"]["by-hand"] = {"status": "RUNNING", "deployed_app_config": None}
    sent = put_config(imperative, with_args())
    assert [app["name"] for app in sent["applications"]] == ["votebox", "other"]
    assert sent["applications"][1] == other


def test_a_solver_refuses_another_version_of_what_it_was_deployed_with():
    registry = Registry.load(allowed=())
    pins = installed(registry)
    check_pins(registry, pins)
    check_pins(registry, {"recipes": {"vote": pins["recipes"]["vote"]}})
    check_pins(registry, {})
    with pytest.raises(PluginError, match="gone: deployed with '1.0', here is None"):
        check_pins(registry, {"plugins": {"gone": "1.0"}})
    with pytest.raises(RecipeError, match=r"'vote': deployed with hash abc, here is [0-9a-f]+"):
        check_pins(registry, PINS | {"plugins": {}})


@contextmanager
def dashboard():
    """Serve the REST API as Serve does: what was put runs from then on."""
    state = dict(NOTHING)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            version = {"version": "4", "ray_version": "2.60.0", "ray_commit": ""}
            self.reply(version if self.path == "/api/ray/version" else state)

        def do_PUT(self):
            size = int(self.headers["content-length"])
            state.update(running(json.loads(self.rfile.read(size))))
            self.reply({})

        def reply(self, value):
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *given):
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_names_of_plugins_cannot_write_to_the_terminal(capsys):
    odd = {"plugins": {"\x1b]0;owned\x07\x1b[31mevil\n": "\x9b2J1.0\u202e"}, "recipes": {}}
    with dashboard() as address:
        with httpx.Client() as client:
            client.put(f"{address}/", json=pinned(serve_config("mini"), odd))
        assert run(["diff", "mini", "--address", address]) == 1
        said = capsys.readouterr().out
        assert "pins.plugins.evil : 1.0 -> none" in said
        assert all(line.isprintable() for line in said.splitlines())
        assert run(["diff", "mini", "--address", address, "--json"]) == 1
        assert capsys.readouterr().out.strip().isprintable()


def test_a_diff_that_cannot_be_made_exits_otherwise_than_one_that_differs(capsys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert run(["diff", "mini", "--address", address]) == 2
        assert run(["deploy", "mini", "--address", address]) == 1
        assert run(["diff", "none", "--address", address]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [f"{address} does not answer" in line for line in said] == [True, True, False]


def test_a_file_that_serve_would_take_by_half_is_never_sent(capsys, tmp_path):
    own = tmp_path / "own.yaml"
    whole = (files("votebox.cluster") / "presets/mini.yaml").read_text("utf-8")
    sent = {
        whole.replace("http_options", "http_option"): "http_option: a field that Ray Serve would",
        whole.replace("port: 8000", "prt: 8000"): "http_options.prt: a field that Ray Serve would",
        whole.replace("route_prefix: /", "route: /"): "applications[0].route: a field that Ray",
        whole.replace("port: 8000", "port: many"): "http_options.port: Input should be a valid int",
        whole.replace("HeadOnly", "Head"): "proxy_location: ",
        f"{whole}target_capacity: 200\n": "target_capacity: ",
    }
    with dashboard() as address:
        for text, message in sent.items():
            assert text != whole
            own.write_text(text)
            assert run(["deploy", str(own), "--address", address]) == 2
            assert message in capsys.readouterr().err
        assert run(["diff", "mini", "--address", address]) == 1
    assert "votebox route_prefix: none -> /" in capsys.readouterr().out  # nothing came to run


@pytest.mark.parametrize("name", preset_names())
def test_ray_s_own_serve_deploy_sends_a_preset_as_it_stands(name):
    from ray.serve.scripts import deploy

    file = files("votebox.cluster") / f"presets/{name}.yaml"
    with dashboard() as address:
        done = CliRunner().invoke(deploy, [str(file), "--address", address])
        assert done.exit_code == 0, done.output
        state = ServeRest(address).running()
    assert changes(state, serve_config(name)) == []


def test_deploying_changes_what_runs_and_doing_it_again_nothing(capsys, tmp_path):
    with dashboard() as address:
        assert run(["diff", "mini", "--address", address]) == 1
        assert run(["deploy", "mini", "--address", address]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == "deployed"
        assert run(["diff", "mini", "--address", address]) == 0
        assert run(["deploy", "mini", "--address", address]) == 0
        assert capsys.readouterr().out == "nothing to change\n"
        own = tmp_path / "own.toml"
        own.write_text("[sandbox]\nworkers = 3\nmax_replicas = 2\n")
        assert run(["diff", str(own), "--address", address, "--json"]) == 1
        found = {row["path"]: row for row in json.loads(capsys.readouterr().out)}
        assert found["votebox sandbox.workers"]["after"] == "3"
        assert run(["diff", "mini", "--address", "head:8265"]) == 2
    assert "--address 'head:8265' is not an HTTP URL" in capsys.readouterr().err
