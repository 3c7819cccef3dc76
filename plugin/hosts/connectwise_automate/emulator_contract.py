"""How the published contract is read here: with the letter case and short names of real traffic.

The published file is strict where the real server, an ASP.NET application, is not: it writes names
with capitals, list options as ``options.page`` and times with a zone. Requests are brought into
the published form before they are judged; times in answers may lack their zone.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from plugin.edge.contract import Contract, Operation, Schema

_ORDER = {"options.orderby.name", "options.orderby.type", "options.timeout"}
_ZONELESS = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$"


class AutomateContract(Contract):
    """The contract of Automate's REST interface, see the module's text."""

    @cached_property
    def description(self) -> dict[str, Any]:
        """The document, with times that may lack their zone as they do in recorded answers."""
        loaded = json.loads(self.path.read_text("utf-8"), object_hook=_loosen_times)
        return dict(loaded)

    def judge_request(
        self,
        operation: Operation,
        *,
        query: Iterable[tuple[str, str]],
        headers: Mapping[str, str],
        content_type: str,
        body: bytes,
    ) -> list[str]:
        """Judge a request after writing its names as they are published."""
        plain = [pair for pair in query if pair[0].lower() not in _ORDER]
        return super().judge_request(
            operation,
            query=plain,
            headers=headers,
            content_type=content_type,
            body=self._published(operation, body),
        )

    def has_field(self, schema: str, path: list[str]) -> bool:
        """Tell whether records of ``schema`` have a field at ``path``, in any letter case."""
        node = self._object(self.description["components"]["schemas"][schema])
        for name in path:
            members = {key.lower(): value for key, value in node.get("properties", {}).items()}
            if name.lower() not in members:
                return False
            node = self._object(members[name.lower()])
        return True

    def _object(self, node: Schema) -> Schema:
        resolved = dict(self._resolve(node))
        return self._object(resolved["items"]) if "items" in resolved else resolved

    def _published(self, operation: Operation, body: bytes) -> bytes:
        content = operation.described.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            return body
        try:
            value = json.loads(body)
        except ValueError:
            return body
        return json.dumps(self._respelled(schema, value)).encode()

    def _respelled(self, schema: Schema, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """Write names as published, enumerated values as words, ids in the published type."""
        node = dict(self._resolve(schema))
        if isinstance(value, list):
            return [self._respelled(node.get("items", {}), each) for each in value]
        if isinstance(value, dict) and "properties" in node:
            known = {name.lower(): name for name in node["properties"]}
            return {
                known.get(key.lower(), key): self._respelled(
                    node["properties"].get(known.get(key.lower(), key), {}), each
                )
                for key, each in value.items()
            }
        return _scalar(node, value)


def _scalar(node: Schema, value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, bool):
        return value
    if "enum" in node and isinstance(value, int) and 0 <= value < len(node["enum"]):
        return node["enum"][value]
    if node.get("type") == "string" and isinstance(value, int):
        return str(value)
    if node.get("type") == "integer" and isinstance(value, str) and re.fullmatch(r"\d+", value):
        return int(value)
    return value


def _loosen_times(node: dict[str, Any]) -> dict[str, Any]:
    if node.get("format") == "date-time":
        node = {key: value for key, value in node.items() if key != "format"}
        node["pattern"] = _ZONELESS
    return node
