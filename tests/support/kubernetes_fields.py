"""The fields of Kubernetes and KubeRay that our manifests may use: types, values, required ones.

Written by hand from the references, as a table that a reader can hold against them:

* kinds of Kubernetes 1.33: https://kubernetes.io/docs/reference/kubernetes-api/
  (PodSpec, Container, SecurityContext, NetworkPolicySpec, ServicePort, DaemonSetSpec, ...)
* ray.io/v1 RayService: https://github.com/ray-project/kuberay/blob/v1.5.0/docs/reference/api.md
* what `ray start` takes: its own --help, as `rayStartParams` without the dashes.

A field that is not here is refused, though Kubernetes may know it: who prints a new one adds it
here, from the reference. Names that are ours (labels, resources) are listed as well, so that
none can be misspelt in silence. `KINDS` holds a JSON Schema for each (apiVersion, kind).
"""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
EMPTY: Schema = {"type": "object", "maxProperties": 0}
TRUTH: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}  # int32 and int64 both
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
AMOUNT: Schema = {"type": "string", "pattern": r"^[0-9]++(?:\.[0-9]++)?+(?:m|[KMGTPE]i?)?+$"}
"""A Quantity, in the spellings we use; the API takes numbers, too."""


def one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def some(item: Schema) -> Schema:
    return {"type": "array", "items": item, "minItems": 1}


def holds(*required: str, **fields: Schema) -> Schema:
    """Return an object of these fields, and no other; dashes and dots as `named` spells them."""
    shape: Schema = {"type": "object", "properties": fields, "additionalProperties": False}
    return {**shape, "required": list(required)}


def named(fields: dict[str, Schema], *required: str) -> Schema:
    return holds(*required, **fields)


# Names of ours.
LABELS = named(
    {
        "app.kubernetes.io/part-of": TEXT,
        "votebox/part": one_of("head", "front", "models", "jails", "nodes"),
    },
    "votebox/part",
)
NODES = named({"votebox/jails": one_of("yes")}, "votebox/jails")
METRICS = named(
    {"prometheus.io/scrape": one_of("true"), "prometheus.io/port": one_of("8080")},
    "prometheus.io/scrape",
    "prometheus.io/port",
)
# Well-known labels: kubernetes.io/docs/reference/labels-annotations-taints/, and the operator's
# Helm chart for its own (helm-chart/kuberay-operator/templates/_helpers.tpl).
OPERATOR = named({"app.kubernetes.io/name": one_of("kuberay-operator")}, "app.kubernetes.io/name")
NAMESPACES = named({"kubernetes.io/metadata.name": TEXT}, "kubernetes.io/metadata.name")

METADATA = holds("name", "namespace", name=TEXT, namespace=TEXT)
OBJECT: dict[str, Schema] = {"apiVersion": TEXT, "kind": TEXT, "metadata": METADATA}


def document(*required: str, **fields: Schema) -> Schema:
    return holds("apiVersion", "kind", "metadata", *required, **OBJECT, **fields)


# core/v1 Container and PodSpec.
AMOUNTS = named({"cpu": AMOUNT, "memory": AMOUNT, "nvidia.com/gpu": {**COUNT, "minimum": 1}})
RESOURCES = holds("requests", "limits", requests=AMOUNTS, limits=AMOUNTS)
SECCOMP: Schema = {
    "oneOf": [
        holds("type", type=one_of("RuntimeDefault", "Unconfined")),
        holds("type", "localhostProfile", type=one_of("Localhost"), localhostProfile=TEXT),
    ]
}
CAPABILITIES = holds(add=some(TEXT), drop=some(TEXT))
CONTAINER_SECURITY = holds(
    allowPrivilegeEscalation=TRUTH,
    appArmorProfile=holds("type", type=one_of("RuntimeDefault", "Unconfined")),
    capabilities=CAPABILITIES,
    privileged=TRUTH,
    procMount=one_of("Default", "Unmasked"),
    readOnlyRootFilesystem=TRUTH,
    runAsGroup=COUNT,
    runAsNonRoot=TRUTH,
    runAsUser=COUNT,
    seccompProfile=SECCOMP,
)
POD_SECURITY = holds(
    fsGroup=COUNT,
    runAsGroup=COUNT,
    runAsNonRoot=TRUTH,
    runAsUser=COUNT,
    seccompProfile=SECCOMP,
)
SECRET_KEY = holds("name", "key", name=TEXT, key=TEXT)
VARIABLE: Schema = {
    "oneOf": [
        holds("name", "value", name=TEXT, value={"type": "string"}),
        holds("name", "valueFrom", name=TEXT, valueFrom=holds(secretKeyRef=SECRET_KEY)),
    ]
}
COMMAND = holds("command", command=some(TEXT))
CONTAINER = holds(
    "name",
    "image",
    name=TEXT,
    image=TEXT,
    lifecycle=holds("postStart", postStart=holds("exec", exec=COMMAND)),
    command=some(TEXT),
    args=some(TEXT),
    env=some(VARIABLE),
    envFrom=some(holds("secretRef", secretRef=holds("name", name=TEXT, optional=TRUTH))),
    ports=some(holds("containerPort", name=TEXT, containerPort=PORT)),
    resources=RESOURCES,
    securityContext=CONTAINER_SECURITY,
    volumeMounts=some(holds("name", "mountPath", name=TEXT, mountPath=TEXT, readOnly=TRUTH)),
)
VOLUME: Schema = {
    "oneOf": [
        holds("name", "configMap", name=TEXT, configMap=holds("name", name=TEXT)),
        holds(
            "name",
            "emptyDir",
            name=TEXT,
            emptyDir=holds(medium=one_of("Memory"), sizeLimit=AMOUNT),
        ),
        holds(
            "name",
            "hostPath",
            name=TEXT,
            hostPath=holds("path", path=TEXT, type=one_of("Directory", "DirectoryOrCreate")),
        ),
        holds(
            "name",
            "persistentVolumeClaim",
            name=TEXT,
            persistentVolumeClaim=holds("claimName", claimName=TEXT),
        ),
    ]
}
TOLERATION = holds(
    key=TEXT,
    operator=one_of("Exists", "Equal"),
    value=TEXT,
    effect=one_of("NoSchedule", "PreferNoSchedule", "NoExecute"),
)
POD = holds(
    "containers",
    automountServiceAccountToken=TRUTH,
    containers=some(CONTAINER),
    enableServiceLinks=TRUTH,
    hostUsers=TRUTH,
    initContainers=some(CONTAINER),
    nodeSelector=NODES,
    restartPolicy=one_of("Always", "OnFailure", "Never"),
    securityContext=POD_SECURITY,
    terminationGracePeriodSeconds=COUNT,
    tolerations=some(TOLERATION),
    volumes=some(VOLUME),
)
TEMPLATE = holds(
    "metadata", "spec", metadata=holds("labels", labels=LABELS, annotations=METRICS), spec=POD
)

# ray.io/v1 RayService.
RAY_START = named({"dashboard-host": TEXT, "num-cpus": TEXT, "num-gpus": TEXT, "resources": TEXT})
"""Values are texts, even of numbers: a map of strings in the reference."""

REDIS = holds(
    "redisAddress",
    redisAddress=TEXT,
    redisPassword=holds("valueFrom", valueFrom=holds("secretKeyRef", secretKeyRef=SECRET_KEY)),
    externalStorageNamespace=TEXT,
)
GROUP = holds(
    "groupName",
    "minReplicas",
    "maxReplicas",
    "template",
    groupName=TEXT,
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    rayStartParams=RAY_START,
    template=TEMPLATE,
)
RAY_CLUSTER = holds(
    "headGroupSpec",
    "rayVersion",
    "workerGroupSpecs",
    authOptions=holds("mode", mode=one_of("disabled", "token")),
    autoscalerOptions=holds(
        idleTimeoutSeconds=COUNT,
        resources=RESOURCES,
        securityContext=CONTAINER_SECURITY,
        version=one_of("v1", "v2"),
    ),
    enableInTreeAutoscaling=TRUTH,
    gcsFaultToleranceOptions=REDIS,
    headGroupSpec=holds("template", rayStartParams=RAY_START, template=TEMPLATE),
    rayVersion={"type": "string", "pattern": r"^[0-9]++\.[0-9]++\.[0-9]++$"},
    workerGroupSpecs=some(GROUP),
)
RAY_SERVICE = holds(
    "rayClusterConfig",
    "serveConfigV2",
    excludeHeadPodFromServeSvc=TRUTH,
    rayClusterConfig=RAY_CLUSTER,
    rayClusterDeletionDelaySeconds=COUNT,
    serveConfigV2=TEXT,
    upgradeStrategy=holds("type", type=one_of("NewCluster", "None")),
)

# networking.k8s.io/v1 NetworkPolicy.
PODS: Schema = {"anyOf": [EMPTY, holds("matchLabels", matchLabels={"anyOf": [LABELS, OPERATOR]})]}
PART_OF = named({"app.kubernetes.io/part-of": TEXT}, "app.kubernetes.io/part-of")
PODS["anyOf"].append(holds("matchLabels", matchLabels=PART_OF))
PLACES: Schema = {"anyOf": [EMPTY, holds("matchLabels", matchLabels=NAMESPACES)]}
PEER = holds(
    podSelector=PODS,
    namespaceSelector=PLACES,
    ipBlock=holds("cidr", cidr=TEXT, **{"except": some(TEXT)}),
)
POLICY_PORT = holds("port", port=PORT, protocol=one_of("TCP", "UDP", "SCTP"))
POLICY = holds(
    "podSelector",
    "policyTypes",
    podSelector=PODS,
    policyTypes=some(one_of("Ingress", "Egress")),
    ingress=some(holds(**{"from": some(PEER)}, ports=some(POLICY_PORT))),
    egress=some(holds(to=some(PEER), ports=some(POLICY_PORT))),
)

# monitoring.coreos.com/v1 PodMonitor: https://prometheus-operator.dev/docs/api-reference/api/
POD_MONITOR = document(
    "spec",
    spec=holds(
        "selector",
        "podMetricsEndpoints",
        selector=holds("matchLabels", matchLabels=PART_OF),
        podMetricsEndpoints=some(holds("port", port=one_of("metrics"))),
    ),
)

SHOWN: dict[str, Schema] = {
    "lifecycle": CONTAINER,
    "gcsFaultToleranceOptions": RAY_CLUSTER,
    "apiVersion": POD_MONITOR,
}
"""What the pieces of YAML in the documentation are parts of, by their first field."""

KINDS: dict[tuple[str, str], Schema] = {
    ("ray.io/v1", "RayService"): document("spec", spec=RAY_SERVICE),
    ("v1", "PersistentVolumeClaim"): document(
        "spec",
        spec=holds(
            "accessModes",
            "resources",
            accessModes=some(one_of("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany")),
            resources=holds("requests", requests=holds("storage", storage=AMOUNT)),
            storageClassName=TEXT,
        ),
    ),
    ("v1", "Service"): document(
        "spec",
        spec=holds(
            "selector",
            "ports",
            selector=LABELS,
            ports=some(holds("port", name=TEXT, port=PORT, targetPort=PORT)),
            type=one_of("ClusterIP", "LoadBalancer", "NodePort"),
        ),
    ),
    ("networking.k8s.io/v1", "NetworkPolicy"): document("spec", spec=POLICY),
    ("v1", "ConfigMap"): document("data", data=named({"jails.json": TEXT}, "jails.json")),
    ("apps/v1", "DaemonSet"): document(
        "spec",
        spec=holds(
            "selector",
            "template",
            selector=holds("matchLabels", matchLabels=LABELS),
            template=TEMPLATE,
        ),
    ),
}
