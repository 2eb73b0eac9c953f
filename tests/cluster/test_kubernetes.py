"""Manifests: names, pods, and what the jails need; test_manifest_fields.py holds the fields."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml
from yamllint import linter
from yamllint.config import YamlLintConfig

from votebox.cluster.errors import BadUsage
from votebox.cluster.kubernetes import app_manifests, as_yaml, node_manifests
from votebox.cluster.preset import load_preset, preset_names, serve_config
from votebox.deployments import AppArgs

ROOT = Path(__file__).parents[2]
LAUNCH = ROOT / "cluster/launch"
IMAGE = "registry.example/votebox:0.1.0"


def manifests(preset="qwq-32b-awq", name="votebox"):
    config = serve_config(preset)
    return app_manifests(config, image=IMAGE, name=name, namespace="maths")


def of_kind(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def groups(documents):
    cluster = of_kind(documents, "RayService")[0]["spec"]["rayClusterConfig"]
    return cluster, {group["groupName"]: group for group in cluster["workerGroupSpecs"]}


def pod(group):
    return group["template"]["spec"]


def test_the_serve_config_inside_is_the_preset_with_its_parts_placed():
    (service,) = of_kind(manifests(), "RayService")
    inside = yaml.safe_load(service["spec"]["serveConfigV2"])
    place = inside["applications"][0]["args"].pop("place")
    assert inside == serve_config("qwq-32b-awq")
    _, found = groups(manifests())
    for part, resource in AppArgs.model_validate({"place": place}).place:
        offered = json.loads(found[part]["rayStartParams"]["resources"])
        assert json.loads(offered) == {resource: 1}


def test_serve_listens_where_the_service_leads_whatever_the_preset_says():
    documents = manifests("mini")  # which listens on a loopback address of the head
    (service,) = of_kind(documents, "RayService")
    inside = yaml.safe_load(service["spec"]["serveConfigV2"])
    assert inside["proxy_location"] == "EveryNode"
    assert inside["http_options"] == {"host": "0.0.0.0", "port": 8000}  # noqa: S104
    (port,) = of_kind(documents, "Service")[0]["spec"]["ports"]
    assert port["targetPort"] == 8000


def test_without_model_pods_there_is_no_volume_of_models_and_no_way_out():
    names = {document["metadata"]["name"] for document in manifests("mini")}
    assert names == {"votebox", "votebox-inside", "votebox-http", "votebox-head"}


def test_a_model_pod_has_the_gpus_of_its_widest_replica_and_there_is_one_for_each():
    _, found = groups(manifests("architect-editor"))
    models = found["models"]
    assert (models["minReplicas"], models["maxReplicas"]) == (2, 8)
    assert pod(models)["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 2
    assert "models" not in groups(manifests("mini"))[1]


def test_ray_and_the_image_are_the_same_everywhere():
    cluster, found = groups(manifests())
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    serve = pinned["optional-dependencies"]["serve"]
    assert f"ray[data,serve]=={cluster['rayVersion']}" in serve
    images = {pod(g)["containers"][0]["image"] for g in (cluster["headGroupSpec"], *found.values())}
    assert images == {IMAGE}


def test_only_jails_get_what_jails_need_and_they_get_no_secret_and_no_token():
    cluster, found = groups(manifests())
    jails = pod(found.pop("jails"))
    security = jails["containers"][0]["securityContext"]
    assert security["procMount"] == "Unmasked"
    assert jails["hostUsers"] is False  # without it the API server refuses procMount
    assert security["seccompProfile"]["localhostProfile"] == "votebox/jails.json"
    assert jails["automountServiceAccountToken"] is False
    assert "envFrom" not in jails["containers"][0]
    assert "volumes" not in jails
    for group in (cluster["headGroupSpec"], *found.values()):
        assert "procMount" not in pod(group)["containers"][0]["securityContext"]
        assert pod(group)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_no_pod_may_gain_privileges_or_run_as_root():
    cluster, found = groups(manifests())
    for group in (cluster["headGroupSpec"], *found.values()):
        security = pod(group)["containers"][0]["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert pod(group)["securityContext"]["runAsNonRoot"] is True


def test_clients_reach_the_front_alone_and_jails_reach_nothing_but_the_cluster():
    documents = manifests(name="sums")
    (service,) = of_kind(documents, "Service")
    assert service["spec"]["selector"] == {
        "app.kubernetes.io/part-of": "sums",
        "votebox/part": "front",
    }
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(documents, "NetworkPolicy")}
    assert set(policies) == {"sums-inside", "sums-http", "sums-head", "sums-models"}
    outward = [name for name, spec in policies.items() for to in spec.get("egress", ())]
    jails = policies["sums-inside"]  # the only one that selects them
    assert all("ipBlock" not in to for rule in jails["egress"] for to in rule["to"])
    assert {n for n in outward if n not in ("sums-head", "sums-models")} == {"sums-inside"}


def test_two_applications_share_a_namespace():
    first, second = manifests(name="one"), manifests(name="two")
    names = [(d["kind"], d["metadata"]["name"]) for d in (*first, *second)]
    assert len(names) == len(set(names))
    claim = pod(groups(second)[1]["models"])["volumes"][0]["persistentVolumeClaim"]
    assert claim == {"claimName": "two-models"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "A b"}, "--name 'A b'"),
        ({"name": "x" * 41}, "--name"),
        ({"name": "votebox\n"}, "--name"),
        ({"name": "a\nkind: Secret"}, "--name"),
        ({"name": "a'b"}, "--name"),
        ({"name": 'a"'}, "--name"),
        ({"name": "a: {b}"}, "--name"),
        ({"name": "-rf"}, "--name"),
        ({"name": "a-"}, "--name"),
        ({"name": "\uff41b"}, "--name"),
        ({"name": "a\x1b[31m"}, "--name"),
        ({"name": ""}, "--name ''"),
        ({"namespace": "../up"}, "--namespace"),
        ({"namespace": "a.b"}, "--namespace"),
        ({"namespace": "x" * 64}, "--namespace"),
        ({"namespace": "maths\n---\nkind: Secret"}, "--namespace"),
        ({"image": "a/b:1\n"}, "--image"),
        ({"image": "a/b:1 # x"}, "--image"),
        ({"image": "a/b:'1'"}, "--image"),
        ({"image": "$(id)"}, "--image"),
        ({"image": "x" * 256}, "--image"),
        ({"image": "a b"}, "--image 'a b'"),
        ({"image": ""}, "--image ''"),
    ],
)
def test_names_that_kubernetes_would_refuse_are_refused_here(given, message):
    usual = {"image": IMAGE, "name": "votebox", "namespace": "maths"}
    with pytest.raises(BadUsage, match=message) as caught:
        app_manifests(serve_config("mini"), **{**usual, **given})
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("word", ["null", "true", "on", "e1", "y", "yes", "inf", "x" * 40])
def test_a_name_stays_text_though_yaml_has_a_meaning_for_it(word):
    usual = {"image": "0x1f", "name": word, "namespace": word}
    documents = app_manifests(serve_config("qwq-32b"), **usual)
    assert list(yaml.safe_load_all(as_yaml(documents))) == documents
    assert {d["metadata"]["namespace"] for d in documents} == {word}


def test_a_preset_that_places_parts_where_no_pod_offers_it_is_refused():
    def placed(**place):
        config = serve_config("mini")
        (app,) = config["applications"]
        app["args"] = {**app["args"], "place": place}
        return app_manifests(config, image=IMAGE, name="votebox", namespace="maths")

    assert placed(front="votebox_front", jails=None) == manifests("mini")
    with pytest.raises(BadUsage, match=r"place.jails is 'fast', which no pod .* offers"):
        placed(jails="fast")


def test_an_old_cluster_stays_as_long_as_its_solves_may_last():
    (service,) = of_kind(manifests(), "RayService")
    update = AppArgs.model_validate(load_preset("qwq-32b-awq")).update
    assert service["spec"]["rayClusterDeletionDelaySeconds"] == update.drain_s
    (service,) = of_kind(manifests("mini"), "RayService")
    assert service["spec"]["rayClusterDeletionDelaySeconds"] == 60


def test_what_is_printed_reads_back_the_same_and_has_no_aliases():
    documents = [*manifests(), *node_manifests(image=IMAGE, namespace="maths")]
    text = as_yaml(documents)
    assert list(yaml.safe_load_all(text)) == documents
    assert "&id" not in text


def test_the_nodes_get_the_profile_the_jails_ask_for():
    config, daemons = node_manifests(image=IMAGE, namespace="maths")
    assert json.loads(config["data"]["jails.json"]) == json.loads(
        (LAUNCH / "jails-seccomp.json").read_text()
    )
    assert daemons["spec"]["template"]["spec"]["nodeSelector"] == {"votebox/jails": "yes"}
    script = daemons["spec"]["template"]["spec"]["initContainers"][0]["command"][-1]
    subprocess.run(["sh", "-n", "-c", script], check=True)


NUMBERS = {"keyctl": 250, "perf_event_open": 298, "process_vm_readv": 310, "bpf": 321}
NUMBERS |= {"userfaultfd": 323, "io_uring_setup": 425, "ptrace": 101, "open_by_handle_at": 304}
"""Some calls of the profile in the kernel's syscall_64.tbl, enough to see that it bites."""

UNDER_THE_PROFILE = """
import asyncio, ctypes, errno, json, struct, sys
from votebox.sandbox import Sandbox

numbers = json.loads(sys.argv[1])
load, equal, give = 0x20, 0x15, 0x06
code = [(load, 0, 0, 0)]
for left, number in zip(range(len(numbers), 0, -1), numbers, strict=True):
    code.append((equal, left, 0, number))
code += [(give, 0, 0, 0x7FFF0000), (give, 0, 0, 0x00050000 | errno.EPERM)]
text = b"".join(struct.pack("=HBBI", *c) for c in code)
held = ctypes.create_string_buffer(text)
program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(held))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS, as allowPrivilegeEscalation: false
assert libc.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP
refused = []
for number in numbers:
    libc.syscall(number, 0, 0, 0, 0, 0)
    refused.append(ctypes.get_errno() == errno.EPERM)


async def main():
    async with Sandbox(workers=1, preload=()) as box:
        done = await box.run("print(6 * 7)")
        print(json.dumps([all(refused), done.stdout, box.isolation]))


asyncio.run(main())
"""


def test_jails_start_under_the_profile_and_what_it_lists_is_refused():
    profile = json.loads((LAUNCH / "jails-seccomp.json").read_text())
    (rule,) = profile["syscalls"]
    assert set(NUMBERS) < set(rule["names"])
    assert (rule["action"], rule["errnoRet"]) == ("SCMP_ACT_ERRNO", 1)
    command = [sys.executable, "-c", UNDER_THE_PROFILE, json.dumps(list(NUMBERS.values()))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    refused, printed, isolation = json.loads(done.stdout)
    assert refused
    assert printed == "42\n"
    assert isolation.startswith("nsjail+fork+userns+seccomp")


def test_yaml_files_pass_the_linter():
    command = [sys.executable, "-m", "yamllint", "--strict", "-d", RULES]
    files = [*LAUNCH.glob("*.yaml"), *(ROOT / "cluster/presets").glob("*.yaml")]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("preset", preset_names())
def test_all_that_is_printed_passes_the_linter(preset):
    texts = [as_yaml(manifests(preset)), as_yaml(node_manifests(image=IMAGE, namespace="maths"))]
    (service,) = of_kind(manifests(preset), "RayService")
    texts.append(service["spec"]["serveConfigV2"])
    config = YamlLintConfig(RULES)
    assert [str(problem) for text in texts for problem in linter.run(text, config)] == []


RULES = """
extends: default
rules:
  document-start: disable
  line-length: {max: 100}
"""


def test_ray_up_takes_its_file():
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load((LAUNCH / "ray-up.yaml").read_text())
    validate_config(prepare_config(config))
    with pytest.raises(jsonschema.ValidationError):
        validate_config(prepare_config({**config, "workers": 2}))


def test_shell_scripts_parse():
    subprocess.run(["bash", "-n", LAUNCH / "slurm.sh"], check=True)
