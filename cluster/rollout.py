"""Say what a deployment would change, and make the config that changes it.

Pure: `running` is what Serve's REST API tells of an instance, `config` is a Serve config.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from votebox.cluster.preset import BUILDER
from votebox.deployments.app_args import AppArgs

__all__ = ["Change", "changes", "pinned", "put_config", "running_state"]

_ABSENT: Final = "none"
_SECRET: Final = frozenset({"env", "env_vars"})
"""Settings whose values are shown to nobody."""

_OF_SERVE: Final = (
    "runtime_env",
    "deployments",
    "autoscaling_policy",
    "logging_config",
    "external_scaler_enabled",
)
"""Fields of an application in a Serve config, besides its args, that change what runs."""


@dataclass(frozen=True, slots=True)
class Change:
    """State one difference: where, what runs now, and what would."""

    path: str
    before: str
    after: str

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.path}: {self.before} -> {self.after}"


def pinned(config: Mapping[str, Any], installed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config whose application is held to what is installed here (PinArgs)."""
    applications = [
        {**app, "args": {**(app.get("args") or {}), "pins": dict(installed)}} if _ours(app) else app
        for app in config["applications"]
    ]
    return {**config, "applications": applications}


def changes(running: Mapping[str, Any], config: Mapping[str, Any]) -> list[Change]:
    """Return what differs between the running applications of ours and those of a config.

    Settings are compared with their defaults filled in. An application that is not in `config`
    stays as it is, see put_config.
    """
    found: list[Change] = []
    for app in filter(_ours, config["applications"]):
        name = str(app.get("name", "default"))
        before = _deployed(running).get(name, {})
        found += _compared(f"{name} ", _settings(before), _settings(app))
        found += _secrets(f"{name} ", before, app)
    found += _compared("", _serving(running) if _deployed(running) else {}, _serving(config))
    return found


def put_config(running: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config to send: Serve deletes applications that it does not name.

    So those that run, and are not in `config`, are named as they are.
    """
    named = {app.get("name", "default") for app in config["applications"]}
    others = [app for name, app in _deployed(running).items() if name not in named]
    return {**config, "applications": [*config["applications"], *others]}


def running_state(running: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Return the status of an application and what Serve says of it, with its deployments'."""
    app = (running.get("applications") or {}).get(name)
    if app is None:
        return "NOT_STARTED", ""
    deployments = (app.get("deployments") or {}).values()
    said = [str(app.get("message") or ""), *(str(d.get("message") or "") for d in deployments)]
    return str(app.get("status")), "\n".join(filter(None, said))


def _ours(app: Mapping[str, Any]) -> bool:
    return app.get("import_path") == BUILDER


def _deployed(running: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the configs of the running applications that were deployed by one, by name."""
    found = (running.get("applications") or {}).items()
    told = {name: app.get("deployed_app_config") for name, app in found}
    return {name: config for name, config in told.items() if config}


def _settings(app: Mapping[str, Any]) -> dict[str, str]:
    """Return an application's settings, one value for each path; none for no application."""
    if not app:
        return {}
    if not _ours(app):
        return {"import_path": str(app.get("import_path"))}
    args = app.get("args") or {}
    with suppress(ValueError):  # of another version of votebox: compared without defaults
        args = AppArgs.model_validate(args).model_dump()
    settings = dict(_flat("", args)) | {"route_prefix": str(app.get("route_prefix", "/"))}
    for name in _OF_SERVE:
        if app.get(name):
            settings |= _flat(name, app[name])
    return settings


def _secrets(prefix: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the secrets that changed though what is shown of them did not."""
    old, new = dict(_hidden("", before)), dict(_hidden("", after))
    for path, value in new.items():
        if path in old and old[path] != value and len(old[path]) == len(value):
            shown = f"{len(value)} variables"
            yield Change(f"{prefix}{path.removeprefix('args.')}", shown, f"{shown}, other values")


def _hidden(path: str, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            inner = f"{path}.{key}" if path else str(key)
            if key in _SECRET and isinstance(below, Mapping):
                yield inner, below
            else:
                yield from _hidden(inner, below)


def _serving(config: Mapping[str, Any]) -> dict[str, str]:
    http = config.get("http_options") or {}
    shown = {f"http_options.{key}": str(http[key]) for key in ("host", "port") if key in http}
    return shown | {"proxy_location": str(config.get("proxy_location", "EveryNode"))}


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    secret = path.rpartition(".")[2] in _SECRET
    if isinstance(value, Mapping) and value and not secret:
        for key, below in value.items():
            yield from _flat(f"{path}.{key}" if path else str(key), below)
    elif secret:
        yield path, f"{len(value)} variables" if value else _ABSENT
    else:
        yield path, _ABSENT if value in (None, "", {}, []) else str(value)


def _compared(prefix: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for path in [*after, *(p for p in before if p not in after)]:
        old, new = before.get(path, _ABSENT), after.get(path, _ABSENT)
        if old != new:
            yield Change(f"{prefix}{path}", old, new)
