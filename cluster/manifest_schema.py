"""Hold manifests to the schemas of a cluster: its CRDs, or its OpenAPI documents.

Knows nothing of what a manifest means. Kubernetes drops fields it does not know, or refuses
them, by how it is asked; here they are faults. Two things are left to the API server: rules in
CEL, and patterns, because a file of any origin must not choose the regular expressions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from votebox.cluster.errors import BadUsage, Failed
from votebox.cluster.plain_file import NotPlain, parse_json, parse_yaml, read_text

__all__ = ["Fault", "Kind", "find_faults", "kind_of", "read_schemas"]

Kind = tuple[str, str]
"""The apiVersion and the kind of a document."""

_DEFAULT: Final = ("ray.io/v1", "RayService")
"""What a file without apiVersion and kind describes."""

_MOST_BYTES: Final = 32 * 2**20
_X: Final = "x-kubernetes-"
_DEFINED: Final = "#/components/schemas/"

_QUANTITY: Final = (
    r"^[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[KMGTPE]i|[numkMGTPE]|[eE][+-]?+[0-9]++)?+$"
)
"""Kubernetes' own for amounts, apimachinery/pkg/api/resource, without its backtracking."""

_AS_THEY_ARE: Final = frozenset({
    "type", "required", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems",
    "minProperties", "maxProperties",
})  # fmt: skip
_UPGRADE: Final = "upgrade KubeRay (1.5) or Kubernetes (1.33) there, or take it out"


@dataclass(frozen=True, slots=True)
class Fault:
    """State one field that a schema refuses: which, what is wrong, and what to do."""

    document: str
    path: str
    problem: str
    fix: str

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.document}: {self.path or 'the whole'} {self.problem}; {self.fix}"


def read_schemas(path: Path) -> dict[Kind, dict[str, Any]]:
    """Return the JSON Schema of each kind that a file describes.

    It may hold CRDs as kubectl prints them, an OpenAPI v3 document of an API server, or the
    bare schema of a RayService; as YAML or JSON.

    Raises:
        BadUsage: it holds none of these; names the file and the fix.
    """
    fix = "make one: kubectl get crd rayservices.ray.io -o yaml"
    try:
        text = read_text(path, _MOST_BYTES)
        documents = [parse_json(text)] if text.lstrip()[:1] == "{" else parse_yaml(text)
        found = {kind: made for document in documents for kind, made in _schemas(document)}
    except (NotPlain, OSError) as e:
        raise BadUsage(f"--schema {str(path)!r} cannot be read: {e}", fix) from e
    if not found:
        raise BadUsage(f"--schema {str(path)!r} holds no schema of a kind", fix)
    for kind, made in found.items():
        _check_schema(f"--schema {str(path)!r}, {kind[1]}", made)
    return found


def find_faults(
    documents: Sequence[Mapping[str, Any]], schemas: Mapping[Kind, Mapping[str, Any]]
) -> list[Fault]:
    """Return what the schemas refuse; documents of a kind that has none are not looked at.

    Raises:
        Failed: a schema refers to what its file does not hold, or to itself.
    """
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    faults: list[Fault] = []
    nothing_fetched: Registry[Any] = Registry()
    for document in documents:
        schema = schemas.get(kind_of(document))
        if schema is None:
            continue
        name = f"{document['kind']} {document['metadata']['name']}"
        validator = Draft202012Validator(schema, registry=nothing_fetched)
        try:
            errors = sorted(validator.iter_errors(document), key=lambda e: str(e.json_path))
        except (Unresolvable, RecursionError) as e:
            problem = f"the schema of {document['kind']} cannot be followed: {e}"
            raise Failed(problem, "give the whole document, as the API server sends it") from e
        faults += [fault for error in errors for fault in _faults(name, error)]
    return faults


def kind_of(document: Mapping[str, Any]) -> Kind:
    """Return the kind of a manifest."""
    return str(document["apiVersion"]), str(document["kind"])


def _schemas(document: Any) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Yield the schemas in one document, by what it is."""
    if not isinstance(document, dict):
        return
    if document.get("kind") == "List" and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _schemas(item) if isinstance(item, dict) and "spec" in item else ()
    elif document.get("kind") == "CustomResourceDefinition":
        yield from _of_crd(document.get("spec"))
    elif isinstance(document.get("components"), dict):
        yield from _of_openapi(document["components"].get("schemas"))
    elif isinstance(document.get("properties"), dict):
        yield _DEFAULT, _whole(document)


def _of_crd(spec: Any) -> Iterator[tuple[Kind, dict[str, Any]]]:
    try:
        for version in spec["versions"]:
            kind = (f"{spec['group']}/{version['name']}", str(spec["names"]["kind"]))
            yield kind, _whole(version["schema"]["openAPIV3Schema"])
    except (KeyError, TypeError) as e:
        raise NotPlain(f"a CustomResourceDefinition lacks {e}") from e


def _of_openapi(schemas: Any) -> Iterator[tuple[Kind, dict[str, Any]]]:
    if not isinstance(schemas, dict):
        return
    defined = {"schemas": {name: _closed(schema) for name, schema in schemas.items()}}
    for name, schema in schemas.items():
        kinds = schema.get(f"{_X}group-version-kind") if isinstance(schema, dict) else None
        for kind in kinds if isinstance(kinds, list) else ():
            if isinstance(kind, dict) and "kind" in kind:
                version = "/".join(
                    filter(None, (str(kind.get(k, "")) for k in ("group", "version")))
                )
                pointer = {"$ref": f"{_DEFINED}{name}", "components": defined}
                yield (version, str(kind["kind"])), pointer


def _whole(schema: Any) -> dict[str, Any]:
    """Return the schema of a whole resource, whose first three fields may go without saying."""
    closed = _closed(schema)
    said = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
    closed["properties"] = {**closed.get("properties", {}), **said, "metadata": {"type": "object"}}
    return closed


def _closed(schema: Any) -> dict[str, Any]:
    """Return the part of a schema that is checked here, refusing fields it does not list."""
    if not isinstance(schema, dict):
        raise NotPlain(f"a schema is a {type(schema).__name__}: {str(schema)[:80]!r}")
    made = {key: schema[key] for key in _AS_THEY_ARE & schema.keys()} | _parts(schema)
    if "properties" in made:
        made.setdefault("additionalProperties", bool(schema.get(f"{_X}preserve-unknown-fields")))
    if schema.get(f"{_X}int-or-string") and "pattern" in schema:
        made["pattern"] = _QUANTITY
    if str(schema.get("$ref", "")).startswith(_DEFINED):
        made["$ref"] = schema["$ref"]
    if schema.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def _parts(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas within one, closed as well."""
    made: dict[str, Any] = {}
    for key in ("allOf", "anyOf", "oneOf"):
        if isinstance(schema.get(key), list):
            made[key] = [_closed(item) for item in schema[key]]
    for key in ("items", "not", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            made[key] = _closed(schema[key])
    if isinstance(schema.get("additionalProperties"), bool):
        made["additionalProperties"] = schema["additionalProperties"]
    if isinstance(schema.get("properties"), dict):
        made["properties"] = {name: _closed(below) for name, below in schema["properties"].items()}
    return made


def _check_schema(name: str, schema: Mapping[str, Any]) -> None:
    try:
        from jsonschema import Draft202012Validator, SchemaError
    except ModuleNotFoundError as e:
        problem = "--schema needs the package jsonschema, which comes with Ray"
        raise Failed(problem, "install votebox[cpu]: uv sync") from e
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as e:
        problem = f"{name} is no schema: {e.json_path}: {e.message}"
        raise BadUsage(problem, "give what the API server sends") from e


def _faults(document: str, error: Any) -> Iterator[Fault]:
    """Yield the faults of one error of jsonschema, which may name several fields."""
    path = _path(error.absolute_path)
    if error.validator == "additionalProperties":
        for name in error.instance.keys() - error.schema.get("properties", {}).keys():
            shown = _shown(error.instance[name])
            yield Fault(document, f"{path}.{name}", f"= {shown} is not known there", _UPGRADE)
    elif error.validator == "required":
        for name in set(error.validator_value) - error.instance.keys():
            yield Fault(
                document, f"{path}.{name}", "is not given", "the cluster asks for it: add it"
            )
    elif error.validator == "type":
        kinds = error.validator_value
        expected = kinds if isinstance(kinds, str) else " or ".join(kinds)
        yield Fault(
            document, path, f"= {_shown(error.instance)} has another type", f"give {expected}"
        )
    elif error.validator == "enum":
        known = ", ".join(map(str, error.validator_value))
        yield Fault(
            document, path, f"= {_shown(error.instance)} is refused", f"give one of {known}"
        )
    else:
        rule = f"{error.validator}: {_shown(error.validator_value)}"
        yield Fault(document, path, f"= {_shown(error.instance)} is refused", f"the rule is {rule}")


def _path(parts: Sequence[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
