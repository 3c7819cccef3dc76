"""Contract: a published interface description that judges requests and answers.

Emulators ask it about everything that passes them. It is not an OpenAPI framework: it finds the
operation, and has a JSON Schema validator judge parameters and bodies. Descriptions are OpenAPI
3.0; the few places where its schemas differ from JSON Schema (``nullable``, ``readOnly``) are
translated once, when the file is read.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema_rs

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Breach:
    """A request or an answer that the contract does not allow."""

    side: str
    method: str
    path: str
    problem: str


@dataclass(frozen=True)
class Operation:
    """One method on one path template."""

    method: str
    template: str
    pattern: re.Pattern[str]
    literal: int
    described: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...]


@dataclass
class Contract:
    """A description read from ``path``.

    ``strict_requests``: a property or query parameter the description does not know is a breach.
    ``required_in_answers``: false where the published "required" speaks of writing only.
    ``ignore_case``: the real server does not care about the letter case of paths.
    """

    path: Path
    strict_requests: bool = True
    required_in_answers: bool = True
    ignore_case: bool = False
    _validators: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def description(self) -> dict[str, Any]:
        """The whole document."""
        loaded: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
        return loaded

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation, the most literal template first."""
        found = list(self._read_operations())
        return tuple(sorted(found, key=lambda operation: -operation.literal))

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation for a request, or None when the contract has none."""
        for operation in self._by_depth.get(path.count("/"), ()):
            if operation.method == method and operation.pattern.fullmatch(path):
                return operation
        return None

    def knows_path(self, path: str) -> bool:
        """Tell whether any method is described for ``path``."""
        candidates = self._by_depth.get(path.count("/"), ())
        return any(operation.pattern.fullmatch(path) for operation in candidates)

    @cached_property
    def _by_depth(self) -> dict[int, list[Operation]]:
        """Operations by their number of slashes: no parameter holds one."""
        found: dict[int, list[Operation]] = {}
        for operation in self.operations:
            found.setdefault(operation.template.count("/"), []).append(operation)
        return found

    def judge_request(
        self,
        operation: Operation,
        *,
        query: Iterable[tuple[str, str]],
        headers: Mapping[str, str],
        content_type: str,
        body: bytes,
    ) -> list[str]:
        """Return what is wrong with a request, in words; an empty list when nothing is."""
        problems = self._judge_query(operation, list(query))
        problems += self._judge_headers(operation, headers)
        problems += self._judge_body(operation, content_type, body)
        return problems

    def judge_answer(
        self, operation: Operation, status: int, content_type: str, body: bytes
    ) -> list[str]:
        """Return what is wrong with an answer, in words."""
        answers = operation.described.get("responses", {})
        keys = [str(status), f"{status // 100}XX", "default"]
        described: Mapping[str, Any] | None = next((answers[k] for k in keys if k in answers), None)
        if described is None:
            return [f"status {status} is not described"]
        content = self._resolve(described).get("content")
        if not content:
            return []
        schema = _pick(content, content_type)
        if schema is None:
            return [f"content type {content_type!r} is not described for status {status}"]
        if "json" not in content_type:
            return []
        return self._judge_json(schema, body, request=False)

    # -- reading ---------------------------------------------------------------------------

    def _read_operations(self) -> Iterable[Operation]:
        flags = re.IGNORECASE if self.ignore_case else 0
        for template, item in self.description["paths"].items():
            pattern = re.compile(_pattern_of(template), flags)
            literal = len(re.sub(r"\{[^}]*\}", "", template))
            shared = item.get("parameters", [])
            for method in ("get", "post", "put", "patch", "delete"):
                if method in item:
                    parameters = tuple(
                        self._resolve(each)
                        for each in [*shared, *item[method].get("parameters", [])]
                    )
                    yield Operation(
                        method.upper(), template, pattern, literal, item[method], parameters
                    )

    def _resolve(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = node.get("$ref")
        if reference is None:
            return node
        target: Any = self.description
        for part in reference.removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        return self._resolve(target)

    # -- judging ---------------------------------------------------------------------------

    def _judge_query(self, operation: Operation, query: list[tuple[str, str]]) -> list[str]:
        known = {p["name"].lower(): p for p in operation.parameters if p["in"] == "query"}
        for name, parameter in list(known.items()):
            if "x-official-name" in parameter:
                known[parameter["x-official-name"].lower()] = parameter
                known.setdefault(name, parameter)
        given = {name.lower() for name, _ in query}
        problems = [
            f"query parameter {parameter['name']!r} is missing"
            for name, parameter in known.items()
            if parameter.get("required") and name not in given
        ]
        for name, value in query:
            known_one = known.get(name.lower())
            if known_one is None:
                if self.strict_requests:
                    problems.append(f"query parameter {name!r} is not described")
            else:
                problems += self._judge_value(known_one, name, value)
        return problems

    def _judge_value(self, parameter: Mapping[str, Any], name: str, value: str) -> list[str]:
        schema = self._resolve(parameter.get("schema", {}))
        kind = schema.get("type")
        if kind == "array":
            schema = self._resolve(schema.get("items", {}))
            kind = schema.get("type")
            values = value.split(",") if parameter.get("explode") is False else [value]
        else:
            values = [value]
        return [
            f"query parameter {name!r}: {problem}"
            for each in values
            for problem in self._judge_scalar(schema, kind, each)
        ]

    def _judge_scalar(self, schema: Mapping[str, Any], kind: str | None, value: str) -> list[str]:
        converted: Any = value
        try:
            if kind == "integer":
                converted = int(value)
            elif kind == "number":
                converted = float(value)
            elif kind == "boolean":
                converted = {"true": True, "false": False}[value.lower()]
        except (ValueError, KeyError):
            return [f"not of type {kind}"]
        return self._problems(dict(schema), converted, request=True)

    def _judge_headers(self, operation: Operation, headers: Mapping[str, str]) -> list[str]:
        given = {name.lower() for name in headers}
        return [
            f"header {parameter['name']!r} is missing"
            for parameter in operation.parameters
            if parameter["in"] == "header"
            and parameter.get("required")
            and parameter["name"].lower() not in given
        ]

    def _judge_body(self, operation: Operation, content_type: str, body: bytes) -> list[str]:
        reference: Mapping[str, Any] | None = operation.described.get("requestBody")
        if reference is None:
            return ["a body is sent where none is described"] if body.strip() else []
        described = self._resolve(reference)
        if not body:
            return ["the body is missing"] if described.get("required") else []
        schema = _pick(described.get("content", {}), content_type)
        if schema is None:
            return [f"content type {content_type!r} is not described"]
        if "json" not in content_type:
            return []
        return self._judge_json(schema, body, request=True)

    def _judge_json(self, schema: Schema, body: bytes, *, request: bool) -> list[str]:
        try:
            value = json.loads(body)
        except ValueError:
            return ["the body is not JSON"]
        return self._problems(schema, value, request=request)

    def _problems(self, schema: Schema, value: object, *, request: bool) -> list[str]:
        validator = self._validator(schema, request=request)
        return [
            f"{'/'.join(map(str, error.instance_path)) or 'body'}: {error.message[:200]}"
            for error in validator.iter_errors(value)
        ]

    def _validator(self, schema: Schema, *, request: bool) -> Any:  # noqa: ANN401 - compiled code
        name = f"{request}:{json.dumps(schema, sort_keys=True)}"
        if name not in self._validators:
            components = self._request_components if request else self._answer_components
            whole = {**self._translate(schema, request=request), "components": components}
            self._validators[name] = jsonschema_rs.Draft202012Validator(
                whole, validate_formats=True
            )
        return self._validators[name]

    @cached_property
    def _request_components(self) -> Schema:
        return self._translated_components(request=True)

    @cached_property
    def _answer_components(self) -> Schema:
        return self._translated_components(request=False)

    def _translated_components(self, *, request: bool) -> Schema:
        schemas = self.description.get("components", {}).get("schemas", {})
        return {
            "schemas": {
                name: self._translate(schema, request=request) for name, schema in schemas.items()
            }
        }

    def _translate(self, schema: Any, *, request: bool) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(schema, list):
            return [self._translate(each, request=request) for each in schema]
        if not isinstance(schema, dict):
            return schema
        done = {
            key: self._translate_member(key, value, request=request)
            for key, value in schema.items()
            if key not in {"nullable", "example", "xml", "discriminator", "externalDocs"}
        }
        self._mend_required(schema, done, request=request)
        if request and self.strict_requests and "properties" in done:
            done.setdefault("additionalProperties", False)
        return _with_null(done) if schema.get("nullable") else done

    def _translate_member(self, key: str, value: Any, *, request: bool) -> Any:  # noqa: ANN401
        if key == "properties":
            return {name: self._translate(each, request=request) for name, each in value.items()}
        return self._translate(value, request=request)

    def _mend_required(self, schema: Schema, done: Schema, *, request: bool) -> None:
        required = schema.get("required")
        if not isinstance(required, list):
            return
        if not request:
            if not self.required_in_answers:
                done.pop("required")
            return
        properties = schema.get("properties", {})
        writable = [name for name in required if not properties.get(name, {}).get("readOnly")]
        done["required"] = writable


def _pattern_of(template: str) -> str:
    parts = re.split(r"(\{[^}]*\})", template)
    return "".join("[^/]+?" if part.startswith("{") else re.escape(part) for part in parts)


def _pick(content: Mapping[str, Any], content_type: str) -> Schema | None:
    bare = content_type.partition(";")[0].strip().lower()
    for name, described in content.items():
        if name.lower() == bare or name == "*/*" or ("json" in name and "json" in bare):
            schema: Schema = described.get("schema", {})
            return schema
    return None


def _with_null(schema: Schema) -> Schema:
    if isinstance(schema.get("type"), str):
        nullable = {**schema, "type": [schema["type"], "null"]}
        if "enum" in nullable:
            nullable["enum"] = [*nullable["enum"], None]
        return nullable
    return {"anyOf": [schema, {"type": "null"}]}
