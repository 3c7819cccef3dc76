"""The tsiWS of the emulator: its description, and additional charges.

Proven are the service, the operation's name and the two namespaces. What stands inside ``Params``
and the result is RECONSTRUCTED after the REST object; a real server may want something else.
"""

from typing import Any

from lxml import etree
from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.edge.xml import parse_xml
from plugin.hosts.tigerpaw.emulator_base import SERVICE, WSDL, TigerpawBase
from plugin.hosts.tigerpaw.emulator_contract import (
    BODY,
    HEADER,
    SOAP_11,
    SOAP_12,
    body_of,
    header_of,
    is_12,
)
from plugin.hosts.tigerpaw.emulator_search import Record

OPERATION = "SubmitAgreementAdditionalCharges"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"


class SoapError(ValueError):
    """What the service answers with a fault."""


class SoapPart(TigerpawBase):
    """The SOAP service."""

    @route("GET", SERVICE)
    def describe(self, request: Request) -> Response:
        """Give the service description, without the operations that are switched off."""
        if not self.switch("soap-service"):
            return self.not_found(request)
        if "wsdl" not in {name.lower() for name in request.args}:
            return Response("<html><title>tsiWS Web Service</title></html>", mimetype="text/html")
        root = parse_xml(WSDL.read_bytes())
        without = set(self.switch("without-operations"))
        for operation in list(root.iter(f"{_WSDL}operation")):
            parent = operation.getparent()
            if parent is not None and operation.get("name") in without:
                parent.remove(operation)
        return Response(etree.tostring(root), mimetype="text/xml")

    @route("POST", SERVICE)
    def serve_soap(self, request: Request) -> Response:
        """Do what the envelope asks for, or answer with a fault."""
        if not self.switch("soap-service"):
            return self.not_found(request)
        root = parse_xml(request.get_data())
        try:
            self._let_in(root)
            result = self._carried_out(root)
        except SoapError as error:
            return self.fault(str(error), new=is_12(root))
        namespace = SOAP_12 if is_12(root) else SOAP_11
        return _enveloped(namespace, _answer(result), 200)

    def fault(self, text: str, *, new: bool, blame: str = "Client") -> Response:
        """Answer with a fault of SOAP 1.1, or of 1.2 when ``new``."""
        if not new:
            fault = etree.Element(f"{{{SOAP_11}}}Fault", nsmap={"soap": SOAP_11})
            etree.SubElement(fault, "faultcode").text = f"soap:{blame}"
            etree.SubElement(fault, "faultstring").text = text
            return _enveloped(SOAP_11, fault, 500)
        word = {"Client": "Sender", "Server": "Receiver"}[blame]
        fault = etree.Element(f"{{{SOAP_12}}}Fault", nsmap={"soap": SOAP_12})
        code = etree.SubElement(fault, f"{{{SOAP_12}}}Code")
        etree.SubElement(code, f"{{{SOAP_12}}}Value").text = f"soap:{word}"
        reason = etree.SubElement(fault, f"{{{SOAP_12}}}Reason")
        etree.SubElement(reason, f"{{{SOAP_12}}}Text").text = text
        return _enveloped(SOAP_12, fault, 500)

    # -- inside ------------------------------------------------------------------------------

    def _let_in(self, root: etree._Element) -> None:
        """Check the header; one in another namespace is no header at all."""
        header = header_of(root)
        if header is None or etree.QName(header).namespace != HEADER:
            raise SoapError("The AuthHeader is missing: authentication failed.")
        name = header.findtext(f"{{{HEADER}}}UserName") or ""
        password = header.findtext(f"{{{HEADER}}}Password") or ""
        user = self.table("soap_users").get(name)
        if user is None or user["password"] != password or not self.switch("soap-user-active"):
            raise SoapError("Authentication failed for this user name.")

    def _carried_out(self, root: etree._Element) -> Record:
        call = body_of(root)
        if call is None or call.tag != f"{{{BODY}}}{OPERATION}":
            raise SoapError("The operation is not known.")
        if OPERATION in self.switch("without-operations"):
            raise SoapError("The operation is not known.")
        given = call.find(f"{{{BODY}}}Params/{{*}}AdditionalCharges")
        if given is None:
            return {"done": False}
        name = (header_text(root), given.findtext("{*}AgreementNumber") or "")
        lines = [self._line(name, each) for each in given.findall("{*}AdditionalCharge")]
        failed = not lines or None in lines
        return {"done": not failed, "line": lines[-1] if not failed else ""}

    def _line(self, where: tuple[str, str], given: etree._Element) -> str | None:
        """Write one line and return its number, or None when that cannot be done."""
        user, agreement = where
        record = self.table("agreements").get(agreement)
        product = self.table("soap_users")[user]["product"]
        if record is None or record["product"] != product:
            return None  # an ASMX user sees what belongs to its external product
        values = {etree.QName(each).localname: (each.text or "") for each in given}
        writers = {"Create": self._create, "Update": self._update, "Delete": self._delete}
        writer = writers.get(given.get("Action") or "")
        return writer(agreement, values) if writer else None

    def _create(self, agreement: str, values: dict[str, str]) -> str | None:
        items = self.table("pricebook").values()
        item = next((each for each in items if each["id"] == values.get("SpecialItemId")), None)
        if item is None:
            return None
        number = str(self.table("charges").next_id())
        if self.switch("ignore-charges"):
            return number
        usual = {"item": item["id"], "name": item["name"], "price": item["price"]}
        flags = {"flat": False, "print_zero": False, "once": False, "quantity": 0}
        record = {"agreement": agreement, **usual, **flags, **_changes(values)}
        self.table("charges")[number] = record
        return number

    def _update(self, agreement: str, values: dict[str, str]) -> str | None:
        number = values.get("DetailId", "")
        record = self.table("charges").get(number)
        if record is None or record["agreement"] != agreement:
            return None
        if not self.switch("ignore-charges"):
            self.table("charges")[number] = {**record, **_changes(values)}
        return number

    def _delete(self, agreement: str, values: dict[str, str]) -> str | None:
        number = values.get("DetailId", "")
        record = self.table("charges").get(number)
        if record is None or record["agreement"] != agreement:
            return None
        del self.table("charges")[number]
        return number


def header_text(root: etree._Element) -> str:
    """Return the user name of an envelope."""
    header = header_of(root)
    return "" if header is None else header.findtext(f"{{{HEADER}}}UserName") or ""


def _changes(values: dict[str, str]) -> dict[str, Any]:
    """Return what a line's elements say; an element that is not there changes nothing."""
    read: dict[str, tuple[str, Any]] = {
        "ItemDescription": ("name", str),
        "Quantity": ("quantity", int),
        "Price": ("price", float),
        "UseFlatPrice": ("flat", _is_true),
        "PrintWhenQuantityZero": ("print_zero", _is_true),
        "DeleteAfterInvoicing": ("once", _is_true),
    }
    return {kept: kind(values[name]) for name, (kept, kind) in read.items() if name in values}


def _is_true(text: str) -> bool:
    return text == "true"


def _answer(result: Record) -> etree._Element:
    answer = etree.Element(f"{{{BODY}}}{OPERATION}Response", nsmap={"tiger": BODY})
    inner = etree.SubElement(answer, f"{{{BODY}}}{OPERATION}Result")
    response = etree.SubElement(inner, "Response")
    etree.SubElement(response, "Success").text = str(result["done"]).lower()
    etree.SubElement(response, "Message").text = "" if result["done"] else "Not written."
    if result.get("line"):
        line = etree.SubElement(response, "AdditionalCharge")
        etree.SubElement(line, "DetailId").text = result["line"]
    return answer


def _enveloped(namespace: str, content: etree._Element, status: int) -> Response:
    root = etree.Element(f"{{{namespace}}}Envelope", nsmap={"soap": namespace})
    etree.SubElement(root, f"{{{namespace}}}Body").append(content)
    kind = "application/soap+xml" if namespace == SOAP_12 else "text/xml"
    data = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    return Response(data, status, mimetype=kind)
