"""Add Ray nodes to the Ray of this process, each a host of its own to it, and take them away."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
import replicas
from ray._private import worker
from ray._private.node import Node
from ray.cluster_utils import Cluster


class Hosts:
    """Hold the nodes that were added."""

    def __init__(self) -> None:
        self._cluster = Cluster()
        head: Any = worker._global_node
        self._cluster.head_node = head
        self._cluster.redis_address = head.redis_address

    def add(self, num_cpus: int = 2, **resources: float) -> Node:
        """Add a node that offers `resources`; return once Ray counts it."""
        before = len(alive())
        node: Node = self._cluster.add_node(wait=False, num_cpus=num_cpus, resources=resources)
        while len(alive()) == before:
            time.sleep(0.05)
        return node

    def kill(self, node: Node) -> None:
        """Kill a node's raylet and all below it, as if its machine had lost its power."""
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        """Take all nodes away."""
        for node in list(self._cluster.worker_nodes):
            self.kill(node)


def alive() -> list[str]:
    """Return the ids of the nodes that live."""
    return [node["NodeID"] for node in ray.nodes() if node["Alive"]]


def here(node: Node, deployment: str) -> list[int]:
    """Return the processes of a deployment's replicas on one node."""
    (raylet,) = node.all_processes["raylet"]
    return replicas.replicas(deployment, above=raylet.process.pid)


@contextmanager
def several() -> Iterator[Hosts]:
    """Give the nodes of a block."""
    hosts = Hosts()
    try:
        yield hosts
    finally:
        hosts.close()
