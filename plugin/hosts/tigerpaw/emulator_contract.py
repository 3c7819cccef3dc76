"""How the two published or rebuilt descriptions of Tigerpaw judge what passes the emulator.

The REST description knows status 200 only, nothing about null, and times with an offset; it says
"one record" where the master table of service order statuses gives an array, as all others do.
What the WSDL says of header and body is judged by its own two schemas.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from lxml import etree

from plugin.edge.contract import Contract, Operation, Schema
from plugin.edge.xml import parse_xml

BODY, HEADER = "http://www.tigerpawsoftware.com", "http://www.tigerpawsoftware.com/"
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
_XSD = "{http://www.w3.org/2001/XMLSchema}"
_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$"
_STATUSES = "/api/mastertables/serviceorders/statuses"


class RestContract(Contract):
    """The REST interface's description, see the module's text."""

    @cached_property
    def description(self) -> dict[str, Any]:
        """The document with every property nullable and times with or without an offset."""
        loaded = dict(json.loads(self.path.read_text("utf-8"), object_hook=_loosen))
        answer = loaded["paths"][_STATUSES]["get"]["responses"]["200"]["content"]
        one = answer["application/json"]["schema"]
        answer["application/json"]["schema"] = {"type": "array", "items": one}
        return loaded

    def judge_answer(
        self, operation: Operation, status: int, content_type: str, body: bytes
    ) -> list[str]:
        """Judge a good answer; what a refusal looks like is not described, be it 403 or 200."""
        if status >= 400 or body.startswith(b'{"Success":false'):
            return []
        return super().judge_answer(operation, status, content_type, body)


class SoapContract(Contract):
    """The WSDL, as a judge of envelopes."""

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the service itself: which operation is called stands in the envelope."""
        return self._any

    def judge_request(
        self,
        operation: Operation,
        *,
        query: Iterable[tuple[str, str]],
        headers: Mapping[str, str],
        content_type: str,
        body: bytes,
    ) -> list[str]:
        """Return what is wrong with an envelope: its header, body, action or content type."""
        if not body:
            return []  # the description itself is asked for
        try:
            root = parse_xml(body)
        except ValueError as error:
            return [str(error)]
        problems = self._judge_parts(root)
        name = etree.QName(body_of(root)).localname if body_of(root) is not None else ""
        return problems + _judge_action(root, name, headers, content_type)

    def judge_answer(
        self, operation: Operation, status: int, content_type: str, body: bytes
    ) -> list[str]:
        """Return what is wrong with an answer; faults, pages and the description have no schema."""
        if status != 200 or b"Envelope" not in body:
            return []
        root = parse_xml(body)
        inner = body_of(root)
        if inner is None or etree.QName(inner).localname == "Fault":
            return []
        return _invalid(self._schemas[BODY], inner)

    @cached_property
    def _any(self) -> Operation:
        return Operation("POST", "", re.compile(""), 0, {}, ())

    @cached_property
    def _schemas(self) -> dict[str, etree.XMLSchema]:
        """Each schema of the WSDL alone: they do not refer to each other."""
        root = parse_xml(self.path.read_bytes())
        found = {}
        for schema in root.iter(f"{_XSD}schema"):
            for away in schema.findall(f"{_XSD}import"):
                schema.remove(away)
            # A schema taken out of its document loses the prefixes that stand further up.
            names = {name: uri for name, uri in schema.nsmap.items() if name}
            alone = etree.Element(schema.tag, nsmap=names)
            alone.attrib.update(schema.attrib)
            alone.extend(list(schema))
            found[str(schema.get("targetNamespace"))] = etree.XMLSchema(etree=alone)
        return found

    def _judge_parts(self, root: etree._Element) -> list[str]:
        inner, header = body_of(root), header_of(root)
        if inner is None:
            return ["the envelope has no body"]
        problems = _invalid(self._schemas[BODY], inner)
        return problems + ([] if header is None else _invalid(self._schemas[HEADER], header))


def body_of(root: etree._Element) -> etree._Element | None:
    """Return the one element in the body of an envelope of SOAP 1.1 or 1.2."""
    return root.find(f"{{{_namespace(root)}}}Body/*")


def header_of(root: etree._Element) -> etree._Element | None:
    """Return the ``AuthHeader``, in whatever namespace it was sent."""
    return root.find(f"{{{_namespace(root)}}}Header/{{*}}AuthHeader")


def is_12(root: etree._Element) -> bool:
    """Tell whether an envelope is of SOAP 1.2."""
    return _namespace(root) == SOAP_12


def _namespace(root: etree._Element) -> str:
    return etree.QName(root).namespace or ""


def _invalid(schema: etree.XMLSchema, element: etree._Element) -> list[str]:
    try:
        schema.assertValid(element)
    except etree.DocumentInvalid as error:
        return [str(error)]
    return []


def _judge_action(
    root: etree._Element, name: str, headers: Mapping[str, str], content_type: str
) -> list[str]:
    wanted = f'"{BODY}/{name}"'
    kind = "application/soap+xml" if is_12(root) else "text/xml"
    sent = {key.lower(): value for key, value in headers.items()}.get("soapaction", "")
    problems = [] if content_type.startswith(kind) else [f"the content type is not {kind}"]
    if wanted not in (content_type if is_12(root) else sent):
        problems.append(f"the action is not {wanted}")
    return problems


def _loosen(node: Schema) -> Schema:
    if node.get("format") == "date-time":
        node = {**{key: value for key, value in node.items() if key != "format"}, "pattern": _TIME}
    if isinstance(node.get("properties"), dict):
        kept = node["properties"].items()
        node["properties"] = {name: {**each, "nullable": True} for name, each in kept}
    return node
