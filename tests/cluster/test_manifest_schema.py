"""`votebox kubernetes --schema`: the schema of the cluster decides, and no file may harm."""

import copy
import json
import os
import time

import pytest
import yaml
from kubernetes_fields import KINDS

from votebox.cluster.cli import run
from votebox.cluster.errors import BadUsage, Failed
from votebox.cluster.kubernetes import app_manifests
from votebox.cluster.manifest_schema import find_faults, read_schemas
from votebox.cluster.preset import serve_config

RAY = ("ray.io/v1", "RayService")
POLICY = ("networking.k8s.io/v1", "NetworkPolicy")
OURS = json.loads(json.dumps(KINDS[RAY]))
ASK = ["kubernetes", "mini", "--image", "registry.example/votebox:0.1.0"]


def crd(schema, version="v1"):
    """Return a CRD as the API server has it: open objects, and more versions than one."""
    old = {"name": "v1alpha1", "schema": {"openAPIV3Schema": {"type": "object"}}}
    new = {"name": version, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "ray.io", "names": {"kind": "RayService"}, "versions": [old, new]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "spec": spec,
    }


def openapi(kinds):
    """Return an OpenAPI document that keeps each spec in a component of its own."""
    made = {}
    for (version, kind), schema in kinds.items():
        group, _, number = version.rpartition("/")
        whole = copy.deepcopy(schema)
        made[f"x.{kind}Spec"] = whole["properties"]["spec"]
        whole["properties"]["spec"] = {"allOf": [{"$ref": f"#/components/schemas/x.{kind}Spec"}]}
        named = {"group": group, "version": number, "kind": kind}
        made[f"x.{kind}"] = {**whole, "x-kubernetes-group-version-kind": [named]}
    return {"openapi": "3.0.0", "paths": {}, "components": {"schemas": made}}


def opened(schema):
    """Return a schema as servers send it: it says nothing of fields it does not list."""
    if isinstance(schema, list):
        return [opened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: opened(value) for key, value in schema.items() if key != "additionalProperties"}


UPGRADE = "upgrade KubeRay (1.5) or Kubernetes (1.33) there, or take it out"
KIND = "RayService votebox: spec.upgradeStrategy.type"

FORMS = {
    "crd.yaml": yaml.safe_dump(crd(opened(OURS))),
    "crd.json": json.dumps(crd(opened(OURS))),
    "list.yaml": yaml.safe_dump({"kind": "List", "items": [crd(opened(OURS))]}),
    "two.yaml": yaml.safe_dump_all([{"kind": "Namespace"}, crd(opened(OURS))]),
    "bare.json": json.dumps(opened(OURS)),
    "openapi.json": json.dumps(openapi({RAY: opened(OURS)})),
}


def manifests():
    config = serve_config("mini")
    return app_manifests(config, image="a/b:1", name="votebox", namespace="maths")


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_a_schema_takes_what_is_printed_and_refuses_what_it_does_not_list(
    form, tmp_path
):
    file = tmp_path / form
    file.write_text(FORMS[form])
    schemas = read_schemas(file)
    documents = manifests()
    assert find_faults(documents, schemas) == []
    (service,) = [d for d in documents if d["kind"] == "RayService"]
    group = service["spec"]["rayClusterConfig"]["workerGroupSpecs"][1]
    group["template"]["spec"]["hostUser"] = False
    group["minReplicas"] = "1"
    service["spec"]["upgradeStrategy"] = {"type": "Never"}
    del group["maxReplicas"]
    told = [str(fault) for fault in find_faults(documents, schemas)]
    where = "RayService votebox: spec.rayClusterConfig.workerGroupSpecs[1]"
    assert set(told) == {
        f"{where}.template.spec.hostUser = False is not known there; {UPGRADE}",
        f"{where}.minReplicas = '1' has another type; give integer",
        f"{where}.maxReplicas is not given; the cluster asks for it: add it",
        f"{KIND} = 'Never' is refused; give one of NewCluster, None",
    }


def test_the_command_prints_what_the_schema_takes_and_names_what_it_did_not_look_at(
    capsys, tmp_path
):
    file, core = tmp_path / "crd.yaml", tmp_path / "core.json"
    file.write_text(FORMS["crd.yaml"])
    core.write_text(json.dumps(openapi({POLICY: opened(KINDS[POLICY])})))
    assert run([*ASK, "--schema", str(file), "--schema", str(core)]) == 0
    said = capsys.readouterr()
    assert len(list(yaml.safe_load_all(said.out))) == 5
    assert said.err.splitlines() == [
        "as the schema says: NetworkPolicy, RayService",
        "of these it says nothing: Service",
    ]


def test_the_command_prints_nothing_that_an_older_operator_would_drop(capsys, tmp_path):
    older = opened(copy.deepcopy(OURS))
    del older["properties"]["spec"]["properties"]["rayClusterConfig"]["properties"]["authOptions"]
    file = tmp_path / "crd.yaml"
    file.write_text(yaml.safe_dump(crd(older)))
    assert run([*ASK, "--schema", str(file)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "spec.rayClusterConfig.authOptions = {'mode': 'token'} is not known there" in said.err
    assert "--schema refuses 1 fields" in said.err


def test_the_schema_of_another_version_or_kind_is_refused_because_it_checks_nothing(
    capsys, tmp_path
):
    file = tmp_path / "crd.yaml"
    file.write_text(yaml.safe_dump(crd(opened(OURS), version="v2")))
    assert run([*ASK, "--schema", str(file)]) == 2
    assert "describes nothing that is printed" in capsys.readouterr().err


BOMB = "a: &a [x]\n" + "".join(
    f"{y}: &{y} [*{x}, *{x}]\n" for x, y in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no schema of a kind"),
        ("- 1", "holds no schema of a kind"),
        ("{", "cannot be read"),
        ("a: [", "cannot be read: line"),
        (BOMB, r"line 2: the alias \*a: write it out"),
        ("[" * 100_000, "nested deeper than 64"),
        ('{"a":' * 100_000, "nested too deep"),
        ("a: 1\na: 2", "line 2: 'a' is there twice"),
        (yaml.safe_dump({"kind": "CustomResourceDefinition", "spec": {"versions": 7}}), "lacks"),
        (json.dumps(crd({"type": "object", "properties": {"x": 7}})), "a schema is a int: '7'"),
        (json.dumps(crd({"type": "nothing"})), "is no schema"),
        (json.dumps(crd({"properties": {"\u001b[31m": {"type": "\u001b[31mx"}}})), "is no schema"),
    ],
)
def test_a_file_that_holds_no_schema_is_refused_by_name(text, message, tmp_path):
    file = tmp_path / "schema.yaml"
    file.write_text(text)
    with pytest.raises(BadUsage, match=message) as caught:
        read_schemas(file)
    assert str(file) in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_what_is_no_file_or_no_text_is_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"a: \xff")
    (tmp_path / "huge").write_bytes(b" " * (32 * 2**20 + 1))
    told = {"pipe": "no regular file", "latin": "no UTF-8", "huge": "larger than 33,554,432"}
    for name, message in {**told, "none": "No such file", ".": "no regular file"}.items():
        with pytest.raises(BadUsage, match=message):
            read_schemas(tmp_path / name)


def test_a_schema_fetches_nothing_runs_no_pattern_and_ends(tmp_path):
    schema = opened(OURS)
    fields = schema["properties"]["spec"]["properties"]
    fields["serveConfigV2"] = {"$ref": "http://127.0.0.1:9/schema", "pattern": "^(.*.*)*$x"}
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema))
    since = time.process_time()
    assert find_faults(manifests(), read_schemas(file)) == []
    assert time.process_time() - since < 5
    loop = openapi({RAY: opened(OURS)})
    loop["components"]["schemas"]["x.RayServiceSpec"] = {
        "$ref": "#/components/schemas/x.RayServiceSpec"
    }
    file.write_text(json.dumps(loop))
    with pytest.raises(Failed, match="cannot be followed"):
        find_faults(manifests(), read_schemas(file))
    del loop["components"]["schemas"]["x.RayServiceSpec"]
    file.write_text(json.dumps(loop))
    with pytest.raises(Failed, match="cannot be followed"):
        find_faults(manifests(), read_schemas(file))


def test_amounts_are_held_to_kubernetes_s_own_spelling(tmp_path):
    schema = {
        "properties": {"spec": {"x-kubernetes-preserve-unknown-fields": True, "properties": {}}}
    }
    amount = {"x-kubernetes-int-or-string": True, "pattern": "(a+)+", "anyOf": [{"type": "string"}]}
    schema["properties"]["spec"]["properties"]["serveConfigV2"] = amount
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema))
    documents = [d for d in manifests() if d["kind"] == "RayService"]
    for text, taken in [
        ("16Gi", True),
        ("0.5", True),
        ("1e3", True),
        ("16Gib", False),
        ("x", False),
    ]:
        documents[0]["spec"]["serveConfigV2"] = text
        assert (find_faults(documents, read_schemas(file)) == []) is taken, text
