"""`votebox kubernetes`, `deploy` and `diff`: bring a preset onto a cluster."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from votebox.cluster.checks import check_url
from votebox.cluster.errors import BadUsage, Failed, translated
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.cluster.rollout import Change
    from votebox.cluster.serve_rest import ServeRest

__all__ = ["deploy", "diff", "kubernetes"]

_WHERE = ("http_options.host", "http_options.port", "proxy_location")
"""What Serve takes when it starts, and never again."""

_Preset = Annotated[
    str, typer.Argument(metavar="PRESET", help="A preset by name, or a YAML or TOML file.")
]
_Address = Annotated[
    str,
    typer.Option(
        envvar="RAY_DASHBOARD_ADDRESS", help="The dashboard of the cluster's head, an URL."
    ),
]


def deploy(
    preset: _Preset,
    *,
    address: _Address = "http://127.0.0.1:8265",
    wait: Annotated[
        float, typer.Option(min=0.0, help="Seconds to wait until it runs; 0: not at all.")
    ] = 1800.0,
) -> None:
    """Bring a preset onto a running Ray cluster, or the changes since the last time.

    Serve replaces replicas one after the other. Versions of plugins and hashes of recipes are
    pinned as installed here; where others are installed, new replicas do not start.
    """
    from votebox.cluster.rollout import put_config

    client, config, running, found = _compared(preset, address)
    _print(found)
    if not found:
        typer.echo("nothing to change")
        return
    client.put(put_config(running, config))
    if wait:
        for app in config["applications"]:
            client.await_running(app.get("name", "default"), wait, _tell)
    typer.echo("deployed" if wait else "handed to Serve; see `serve status`")


def diff(
    preset: _Preset,
    *,
    address: _Address = "http://127.0.0.1:8265",
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> int:
    """Say what `deploy` would change, plugins and recipes included.

    Exit codes: 0 nothing, 1 something differs, 2 it could not be compared.
    """
    from votebox.cluster.result import write_json
    from votebox.plugins import VoteboxError

    try:
        _, _, _, found = _compared(preset, address)
    except (Failed, VoteboxError) as e:
        known = translated(e)
        raise _NotCompared(known.problem, known.fix) from e
    if json:
        rows = [{"path": c.path, "before": c.before, "after": c.after} for c in found]
        write_json(rows, sys.stdout)
    else:
        _print(found)
    return 1 if found else 0


class _NotCompared(Failed):
    """Report a failure of `diff`, whose exit code 1 says that something differs."""

    exit_code = 2


def _compared(
    preset: str, address: str
) -> "tuple[ServeRest, dict[str, Any], dict[str, Any], list[Change]]":
    """Return the client, the pinned config, what runs, and how they differ."""
    from votebox.cluster.preset import load_preset
    from votebox.cluster.rollout import changes, pinned
    from votebox.cluster.serve_rest import ServeRest
    from votebox.deployments.app_args import AppArgs
    from votebox.deployments.pins import installed
    from votebox.plugins import Registry

    url = check_url("--address", address)
    args = AppArgs.model_validate(load_preset(preset))
    registry = Registry.load(**args.plugins.model_dump())
    if args.solver.recipe not in registry.recipes:
        known = ", ".join(sorted(registry.recipes))
        problem = f"preset {preset!r} names recipe {args.solver.recipe!r}, unknown here"
        raise BadUsage(problem, f"install the plugin that has it; known: {known}")
    config = pinned(_served(preset), installed(registry))
    client = ServeRest(url)
    running = client.running()
    return client, config, running, changes(running, config)


def _served(preset: str) -> dict[str, Any]:
    """Return the Serve config of a preset, checked by Serve's own schema where Ray is."""
    from votebox.cluster.preset import check_served, serve_config

    config = serve_config(preset)
    try:
        check_served(preset, config)
    except ModuleNotFoundError:
        _tell("no Ray is installed here: Serve itself checks the file, and ignores unknown fields")
    return config


def _print(found: "list[Change]") -> None:
    for change in found:
        typer.echo(one_line(str(change)))
    if found:
        _tell("Serve replaces every replica of an application that changes, its models, too")
    if any(change.path in _WHERE and change.before != "none" for change in found):
        _tell("a Serve that runs listens where it does until `serve shutdown` ends it")


def _tell(text: str) -> None:
    typer.echo(one_line(text), err=True)


def kubernetes(
    preset: _Preset = "qwq-32b-awq",
    *,
    image: Annotated[str, typer.Option(help="The image of cluster/launch/Containerfile.")],
    name: Annotated[str, typer.Option(help="The name of the application.")] = "votebox",
    namespace: Annotated[str, typer.Option(help="The namespace to put it into.")] = "votebox",
    nodes: Annotated[
        bool, typer.Option("--nodes", help="Print what prepares nodes for jails instead.")
    ] = False,
    schema: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Print nothing that FILE refuses: a CRD, or an OpenAPI document of the cluster.",
        ),
    ] = None,
) -> None:
    """Print the manifests that run a preset under KubeRay, for `kubectl apply -f -`."""
    from votebox.cluster.kubernetes import app_manifests, as_yaml, node_manifests

    if nodes:
        documents = node_manifests(image=image, namespace=namespace)
    else:
        config = _served(preset)
        documents = app_manifests(config, image=image, name=name, namespace=namespace)
    if schema:
        _check_manifests(documents, schema)
    typer.echo(as_yaml(documents), nl=False)


def _check_manifests(documents: list[dict[str, Any]], files: list[Path]) -> None:
    """Say on stderr what was checked; raise Failed when a schema refuses anything."""
    from votebox.cluster.manifest_schema import find_faults, kind_of, read_schemas

    schemas = {kind: found for path in files for kind, found in read_schemas(path).items()}
    checked = {kind_of(document) for document in documents} & schemas.keys()
    if not checked:
        known = ", ".join(sorted(kind for _, kind in schemas)[:20])
        printed = ", ".join(sorted({kind for _, kind in map(kind_of, documents)}))
        problem = f"--schema describes nothing that is printed, which is {printed}: it has {known}"
        raise BadUsage(problem, "kubectl get crd rayservices.ray.io -o yaml")
    faults = find_faults(documents, schemas)
    for fault in faults:
        _tell(str(fault))
    if faults:
        raise Failed(f"--schema refuses {len(faults)} fields", "nothing was printed")
    others = sorted({kind for version, kind in map(kind_of, documents)} - {k for _, k in checked})
    _tell(f"as the schema says: {', '.join(sorted(kind for _, kind in checked))}")
    if others:
        _tell(f"of these it says nothing: {', '.join(others)}")
