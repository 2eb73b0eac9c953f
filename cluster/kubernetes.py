"""Fill the Kubernetes manifests of launch/ in: names, image, GPUs, and the Serve config.

Values go into parsed documents, never into text, so nothing given can change their shape.
"""

import json
import math
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any, Final

from votebox.cluster.errors import BadUsage, Failed
from votebox.cluster.preset import BUILDER

__all__ = ["app_manifests", "as_yaml", "node_manifests"]

_PLACE: Final = {"front": "votebox_front", "jails": "votebox_jails"}
"""The custom resources that the pods of launch/kubernetes.yaml offer."""

_HOST: Final = "0.0.0.0"  # noqa: S104 - of a pod; network policies say who reaches it
_PORT: Final = 8000
"""What the Service, KubeRay's probes and the network policies ask for."""

_SWITCH_S: Final = 60
"""How long KubeRay itself keeps a cluster that it has replaced."""

_NAME: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # of RFC 1123
_IMAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}")


def app_manifests(
    config: Mapping[str, Any], *, image: str, name: str, namespace: str
) -> list[dict[str, Any]]:
    """Return the documents that run the application of a Serve config.

    `config` is what preset.serve_config returns; parts are placed on pods of their own.

    Raises:
        BadUsage: the name, namespace or image cannot be one, or the config places parts itself.
        Failed: no Ray is installed here, whose version the cluster must have.
    """
    _check(image, name, namespace)
    documents = _documents("kubernetes.yaml")
    (service,) = [d for d in documents if d["kind"] == "RayService"]
    if not _fill(service["spec"], config, image):
        documents = [d for d in documents if d["metadata"]["name"] != "votebox-models"]
    for document in documents:
        _rename(document, name, namespace)
    return documents


def node_manifests(*, image: str, namespace: str) -> list[dict[str, Any]]:
    """Return the documents that prepare nodes for jails; raise BadUsage as app_manifests."""
    _check(image, "votebox", namespace)
    documents = _documents("kubernetes-nodes.yaml")
    for document in documents:
        document["metadata"]["namespace"] = namespace
        if document["kind"] == "ConfigMap":
            document["data"]["jails.json"] = _text("jails-seccomp.json")
        else:
            spec = document["spec"]["template"]["spec"]
            for container in [*spec["initContainers"], *spec["containers"]]:
                container["image"] = image
    return documents


def as_yaml(documents: list[dict[str, Any]]) -> str:
    """Return documents as one YAML text, texts of several lines as blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Write without aliases, which few readers of manifests expect."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - PyYAML's signature
            """Indent the items of a list, as most people write manifests."""
            super().increase_indent(flow, indentless=False)

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    written: str = yaml.dump_all(
        documents, Dumper=Dumper, sort_keys=False, explicit_start=True, width=100
    )
    return written


def _fill(spec: dict[str, Any], config: Mapping[str, Any], image: str) -> bool:
    """Fill a RayService in; tell whether it has pods for models."""
    from votebox.deployments.app_args import AppArgs

    apps = [_placed(app) for app in config["applications"]]
    inside = {**config, **_listening(config), "applications": apps}
    spec["serveConfigV2"] = as_yaml([inside]).removeprefix("---\n")
    cluster = spec["rayClusterConfig"]
    cluster["rayVersion"] = _ray_version()
    args = next(AppArgs.model_validate(a["args"]) for a in apps if a["import_path"] == BUILDER)
    spec["rayClusterDeletionDelaySeconds"] = max(_SWITCH_S, math.ceil(args.update.drain_s))
    groups = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    models = [model for model in args.models.values() if model.kind == "cluster"]
    models = [model for model in models if model.accelerator != "cpu"]
    if models:
        _size(groups["models"], sum(m.min_replicas for m in models), models)
    else:
        cluster["workerGroupSpecs"].remove(groups.pop("models"))
    for group in (cluster["headGroupSpec"], *groups.values()):
        group["template"]["spec"]["containers"][0]["image"] = image
    return bool(models)


def _listening(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return where Serve listens in pods, whatever the config says of a machine of its own."""
    options = {**(config.get("http_options") or {}), "host": _HOST, "port": _PORT}
    return {"proxy_location": "EveryNode", "http_options": options}


def _size(group: dict[str, Any], least: int, models: list[Any]) -> None:
    """Give each pod the GPUs of the widest replica, so that each replica has a pod."""
    gpus = max(model.tensor_parallel_size for model in models)
    group |= {
        "replicas": least,
        "minReplicas": least,
        "maxReplicas": sum(model.max_replicas for model in models),
    }
    resources = group["template"]["spec"]["containers"][0]["resources"]
    for kind in ("requests", "limits"):
        resources[kind] |= {"nvidia.com/gpu": gpus, "memory": f"{32 + 16 * gpus}Gi"}


def _placed(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return our application with its parts placed; another one unchanged."""
    if app.get("import_path") != BUILDER:
        return dict(app)
    args = dict(app.get("args") or {})
    for part, resource in args.get("place", {}).items():
        if resource not in (None, _PLACE[part]):
            problem = f"place.{part} is {resource[:80]!r}, which no pod of the manifests offers"
            raise BadUsage(problem, "leave `place` out of the preset: they set it")
    return {**app, "args": {**args, "place": _PLACE}}


def _rename(document: dict[str, Any], name: str, namespace: str) -> None:
    """Name a document, and what it refers to, after the application."""
    metadata = document["metadata"]
    metadata |= {"name": metadata["name"].replace("votebox", name, 1), "namespace": namespace}
    _relabel(document, name)


def _relabel(value: Any, name: str) -> None:
    """Tell apart the pods and volumes of two applications in one namespace."""
    if isinstance(value, list):
        for item in value:
            _relabel(item, name)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "app.kubernetes.io/part-of":
                value[key] = name
            elif key in ("claimName", "secretRef"):
                value[key] = _own(item, name)
            else:
                _relabel(item, name)


def _own(reference: Any, name: str) -> Any:
    if isinstance(reference, dict):
        return {**reference, "name": _own(reference["name"], name)}
    return str(reference).replace("votebox", name, 1)


def _check(image: str, name: str, namespace: str) -> None:
    if not _NAME.fullmatch(name):
        rule = "a lower-case letter, then letters, digits and dashes, 40 at most"
        raise BadUsage(f"--name {name[:80]!r} is no name of Kubernetes", f"give {rule}")
    if not _NAMESPACE.fullmatch(namespace):
        rule = "lower-case letters, digits and dashes within, 63 at most"
        raise BadUsage(f"--namespace {namespace[:80]!r} is no namespace", f"give {rule}")
    if not _IMAGE.fullmatch(image):
        raise BadUsage(f"--image {image[:80]!r} is no image", "give REGISTRY/NAME:TAG")


def _ray_version() -> str:
    try:
        return version("ray")
    except PackageNotFoundError as e:
        raise Failed("Ray is not installed here", "install votebox[cpu]: uv sync") from e


def _documents(name: str) -> list[dict[str, Any]]:
    import yaml

    # Through JSON, because YAML's aliases are one object and we change documents in place.
    return [json.loads(json.dumps(document)) for document in yaml.safe_load_all(_text(name))]


def _text(name: str) -> str:
    return (files("votebox.cluster") / "launch" / name).read_text("utf-8")
