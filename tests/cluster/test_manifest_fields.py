"""Every field of every manifest, held to our own table of Kubernetes' and KubeRay's."""

import copy
import json
from importlib.metadata import distribution
from pathlib import Path

import jsonschema
import pytest
import yaml
from kubernetes_fields import KINDS, SHOWN

from votebox.cluster.kubernetes import app_manifests, node_manifests
from votebox.cluster.manifest_schema import find_faults, kind_of
from votebox.cluster.preset import preset_names, serve_config

IMAGE = "registry.example/votebox:0.1.0"
NODES = node_manifests(image=IMAGE, namespace="maths")


def printed(preset):
    config = serve_config(preset)
    return app_manifests(config, image=IMAGE, name="votebox", namespace="maths")


VALIDATORS = {kind: jsonschema.Draft202012Validator(found) for kind, found in KINDS.items()}

WIDEST = [*printed("architect-editor"), *NODES]
"""Each kind of document, pod and volume that is ever printed."""


def fields(value, path=()):
    """Yield the path of every field, outermost first, and of every item of a list."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in items:
        yield (*path, key)
        if isinstance(below, (dict, list)):
            yield from fields(below, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def renamed(document, path):
    """Misspell the last name of the path, as `nam` for `name`."""
    *above, name = path
    place = at(document, above)
    place[name[:-1]] = place.pop(name)


def misplaced(document, path):
    """Move a field to the object around its own."""
    *above, name = path
    value = at(document, above).pop(name)
    at(document, above[:-1])[name] = value


def retyped(document, path):
    *above, name = path
    value = at(document, above)[name]
    at(document, above)[name] = 7 if isinstance(value, str) else str(value).lower()


CASES = [(document, path) for document in WIDEST for path in fields(document)]


def is_field(path):
    return isinstance(path[-1], str)


def is_inner(document, path):
    """Tell whether the object around this one is an object as well, without such a field."""
    if len(path) < 2 or not is_field(path) or not isinstance(path[-2], str):
        return False
    return path[-1] not in at(document, path[:-2])


def is_scalar(document, path):
    return not isinstance(at(document, path), (dict, list))


def survivors(mutation, cases):
    """Return the paths of the mutations that the table does not notice."""
    found = []
    for document, path in cases:
        broken = copy.deepcopy(document)
        mutation(broken, path)
        if VALIDATORS[kind_of(document)].is_valid(broken):
            found.append((document["kind"], *path))
    return found


@pytest.mark.parametrize("preset", preset_names())
def test_kubernetes_knows_every_field_that_is_printed(preset):
    documents = [*printed(preset), *NODES]
    assert {kind_of(document) for document in documents} <= KINDS.keys()
    assert [str(fault) for fault in find_faults(documents, KINDS)] == []


def test_no_row_of_the_table_is_without_a_document():
    assert {kind_of(document) for document in WIDEST} == KINDS.keys()


def test_a_misspelt_field_is_noticed_anywhere():
    cases = [case for case in CASES if is_field(case[1])]
    cases = [c for c in cases if c[1] not in (("apiVersion",), ("kind",))]  # name the table's row
    assert len(cases) > 350
    assert survivors(renamed, cases) == []


def test_a_misplaced_field_is_noticed_anywhere():
    cases = [case for case in CASES if is_inner(*case)]
    assert len(cases) > 200
    assert survivors(misplaced, cases) == []


def test_a_mistyped_value_is_noticed_anywhere():
    cases = [case for case in CASES if is_scalar(*case)]
    assert len(cases) > 150
    assert survivors(retyped, cases) == []


REQUIRED = [
    ("RayService", "spec.rayClusterConfig"),
    ("RayService", "spec.rayClusterConfig.headGroupSpec.template"),
    ("RayService", "spec.rayClusterConfig.workerGroupSpecs.0.groupName"),
    ("RayService", "spec.rayClusterConfig.workerGroupSpecs.0.maxReplicas"),
    ("RayService", "spec.rayClusterConfig.workerGroupSpecs.0.template.spec.containers.0.image"),
    ("Service", "spec.ports.0.port"),
    ("NetworkPolicy", "spec.podSelector"),
    ("PersistentVolumeClaim", "spec.accessModes"),
    ("DaemonSet", "spec.selector"),
    ("DaemonSet", "metadata.namespace"),
]


@pytest.mark.parametrize(("kind", "path"), REQUIRED)
def test_a_field_that_must_be_there_is_missed(kind, path):
    document = copy.deepcopy(next(d for d in WIDEST if d["kind"] == kind))
    *above, name = [int(key) if key.isdigit() else key for key in path.split(".")]
    del at(document, above)[name]
    (fault, *_) = find_faults([document], KINDS)
    assert "is not given" in str(fault)


def test_the_pieces_that_the_documentation_shows_are_known_fields():
    text = (Path(__file__).parents[2] / "docs/kubernetes.md").read_text("utf-8")
    pieces = [yaml.safe_load(block.partition("```")[0]) for block in text.split("```yaml\n")[1:]]
    assert {next(iter(piece)) for piece in pieces} == SHOWN.keys()
    for piece in pieces:
        schema = {**SHOWN[next(iter(piece))], "required": []}
        jsonschema.Draft202012Validator(schema).validate(piece)


def test_what_is_printed_refers_to_what_is_printed():
    """Selectors find pods, volumes their claims and files, mounts their volumes."""
    pods = [template(d) for d in WIDEST if d["kind"] == "DaemonSet"]
    ray = next(d for d in WIDEST if d["kind"] == "RayService")["spec"]["rayClusterConfig"]
    pods += [g["template"] for g in (ray["headGroupSpec"], *ray["workerGroupSpecs"])]
    names = {(d["kind"], d["metadata"]["name"]) for d in WIDEST}
    for labels in selectors(WIDEST):
        found = [pod for pod in pods if labels.items() <= pod["metadata"]["labels"].items()]
        assert found, labels
    for pod in (pod["spec"] for pod in pods):
        volumes = {volume["name"]: volume for volume in pod.get("volumes", ())}
        containers = [*pod["containers"], *pod.get("initContainers", ())]
        mounted = {m["name"] for c in containers for m in c.get("volumeMounts", ())}
        assert mounted == set(volumes)
        for volume in volumes.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            file = volume.get("configMap", {}).get("name")
            assert claim is None or ("PersistentVolumeClaim", claim) in names
            assert file is None or ("ConfigMap", file) in names


def template(document):
    return document["spec"]["template"]


def selectors(documents):
    for document in documents:
        for path in fields(document):
            if path[-1] in ("matchLabels", "selector"):
                labels = at(document, path)
                ours = all(
                    key.partition("/")[0] in ("votebox", "app.kubernetes.io") for key in labels
                )
                if (
                    labels
                    and ours
                    and "app.kubernetes.io/name" not in labels
                    and "matchLabels" not in labels
                ):
                    yield labels


def test_ray_start_takes_what_the_groups_give():
    # Read, because importing it takes seconds.
    source = distribution("ray").locate_file("ray/scripts/scripts.py").read_text("utf-8")
    ray = next(d for d in WIDEST if d["kind"] == "RayService")["spec"]["rayClusterConfig"]
    for group in (ray["headGroupSpec"], *ray["workerGroupSpecs"]):
        given = group["rayStartParams"]
        assert [name for name in given if f'"--{name}"' not in source] == []
        if "resources" in given:
            assert all(count > 0 for count in json.loads(json.loads(given["resources"])).values())
