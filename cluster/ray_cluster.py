"""Start a Ray of our own, small and quick, and deploy an application on it.

All that is particular to this version of Ray in this room is here. The seconds matter:
on two cores, Ray's own start is most of a cold solve.
"""

import contextlib
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from votebox.cluster.errors import Failed
from votebox.cluster.keeper import descendants, end_all, process_name
from votebox.cluster.stages import stage_text, what_failed
from votebox.deployments.imports import WORKER_HOOK, import_serve

__all__ = ["APP_NAME", "deploy", "start_ray"]

APP_NAME: Final = "votebox"
"""The name of the application in Ray Serve."""

_POLL_S: Final = 0.1
_ATTEMPTS: Final = 3
_FOLDER: Final = "ray"
"""Ray opens its folder to everybody; one level up, the scratch folder stays closed."""

_KEPT_LINES: Final = 40
_OBJECT_STORE_BYTES: Final = 200 * 2**20
_LEAST_CPUS: Final = 4
"""Logical CPUs to offer Ray. Shares only place actors; they bind nothing to a core."""

_ENVIRONMENT: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_AUTH_MODE": "token",
    # Ray would run its workers at nice 15: on a machine with other work, last of all.
    "RAY_worker_niceness": "0",
    # Under `uv run`, Ray would pack the working directory and give each worker a fresh
    # environment made by `uv run` there: minutes, and without Ray in it.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # Each idle worker that Ray starts ahead imports Ray: seconds of CPU for nothing.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_worker_prestart": "0",
    # A busy machine may need longer than Ray's own minute to import what a worker needs.
    "RAY_worker_register_timeout_seconds": "180",
    # Each worker imports Serve, and Serve pandas, which takes two seconds of CPU.
    "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR": WORKER_HOOK,
}


def start_ray(scratch: Path, tell: Callable[[str], None]) -> None:
    """Start a Ray that lives below `scratch`; `tell` hears of each stage.

    Never a cluster of somebody else: RAY_ADDRESS is ignored.

    Raises:
        Failed: Ray did not start.
    """
    _prepare_environment(scratch)
    tell("importing Ray")
    import ray

    # Ray's start mostly waits for its daemons; meanwhile import what the next steps need.
    ahead = threading.Thread(target=_import_ahead, daemon=True)
    ahead.start()
    tell("starting Ray")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _init(ray, scratch)
            break
        except Exception as e:
            # Ray raises whatever its parts do, bare Exception too; all of it means no Ray.
            _keep_logs(scratch)
            if attempt == _ATTEMPTS:
                raise Failed(f"Ray does not start: {e}", "see `votebox doctor`") from e
        ahead.join()
        tell(f"starting Ray again ({attempt} of {_ATTEMPTS} attempts failed: a busy machine?)")
        ray.shutdown()
        end_all(0.0)
    ahead.join()


def deploy(
    application: Any, tell: Callable[[str], None], http: Mapping[str, Any] | None = None
) -> Any:
    """Deploy `application` and wait until it runs; return the handle of its root.

    `http` holds host and port to listen on; None starts no HTTP proxy.

    Raises:
        Failed: a deployment cannot start; says why.
    """
    from ray import serve

    tell("starting Ray Serve")
    if http is None:
        serve.start(proxy_location="Disabled")
    else:
        serve.start(proxy_location="HeadOnly", http_options=dict(http))
    route = None if http is None else "/"
    serve.run_many(
        [serve.RunTarget(target=application, name=APP_NAME, route_prefix=route)],
        wait_for_ingress_deployment_creation=False,
        wait_for_applications_running=False,
    )
    _await_running(tell)
    return serve.get_app_handle(APP_NAME)


def _prepare_environment(scratch: Path) -> None:
    token = scratch / "token"  # Ray would else write one into the user's home
    token.touch(0o600)
    token.write_text(secrets.token_hex(32), "ascii")
    os.environ.pop("RAY_ADDRESS", None)
    os.environ.update(_ENVIRONMENT, RAY_AUTH_TOKEN_PATH=str(token))


def _init(ray: Any, scratch: Path) -> None:
    with _taken_port() as port, _watched_raylet():
        ray.init(
            address="local",
            namespace=APP_NAME,
            num_cpus=max(_LEAST_CPUS, os.cpu_count() or 1),
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
            dashboard_host="127.0.0.1",
            dashboard_port=port,
            configure_logging=False,
            _temp_dir=str(scratch / _FOLDER),
        )


@contextmanager
def _taken_port() -> Iterator[int]:
    """Hold a port, and yield it.

    Given as the dashboard's, it keeps Ray from starting the dashboard's process, which
    it otherwise starts and waits for even with include_dashboard=False: 4 s of CPU.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


@contextmanager
def _watched_raylet() -> Iterator[None]:
    """Make Ray's wait for its raylet a patient one.

    The raylet waits for its agents, and dies when they need more than 15 s to import.
    Ray's own loop asks for it without a pause, taking the CPU from the agents, and goes on
    for 30 s after it died. Here it asks ten times a second, ends at once when the raylet
    has died, and puts back the two daemons that nobody waits for.
    """
    from ray._private import services

    ask = services.get_node

    def get_node(address: str, node_id: str) -> Any:
        while True:
            try:
                return ask(address, node_id)  # type: ignore[no-untyped-call]
            except RuntimeError as e:
                below = {pid: process_name(pid) for pid in descendants(os.getpid())}
                if "raylet" not in below.values():
                    raise Failed("its raylet has died, which the log explains") from e
            for pid in below:
                _put_back_monitors(pid)
            time.sleep(_POLL_S)

    services.get_node = get_node
    try:
        yield
    finally:
        services.get_node = ask


def _put_back_monitors(pid: int) -> None:
    with contextlib.suppress(OSError):  # it may have ended
        if b"monitor.py" in Path("/proc", str(pid), "cmdline").read_bytes():
            os.setpriority(os.PRIO_PROCESS, pid, 19)


def _keep_logs(scratch: Path) -> None:
    """Copy the ends of the logs of Ray's daemons to ours; theirs go with the scratch folder."""
    for path in sorted(scratch.glob(f"{_FOLDER}/session_latest/logs/*.*")):
        if path.suffix in (".out", ".err", ".log") and path.stat().st_size:
            lines = path.read_text("utf-8", "replace").splitlines()[-_KEPT_LINES:]
            sys.stderr.write("\n".join([f"--- {path.name}", *lines, ""]))


def _import_ahead() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)  # Ray's daemons go first
    import_serve()
    import_module("votebox.deployments.app")


def _await_running(tell: Callable[[str], None]) -> None:
    # serve.status() costs 50 ms here and as much in the controller, each time; what
    # Serve's own client waits with costs a twentieth.
    from ray.serve.context import _get_global_client

    client: Any = _get_global_client()
    while True:
        found = client.get_serve_status(APP_NAME)
        state = str(found.app_status.status.value)
        if state == "RUNNING":
            return
        if state in ("DEPLOY_FAILED", "UNHEALTHY"):
            messages = [d.message for d in found.deployment_statuses if d.message]
            raise Failed(what_failed("\n".join([found.app_status.message, *messages])))
        tell(stage_text({d.name: str(d.status.value) for d in found.deployment_statuses}))
        time.sleep(_POLL_S)
