from pathlib import Path

import pytest
from lxml import etree

from plugin.domain.errors import AnswerError, EdgeError, RefusedError, TransientError
from plugin.edge import soap as soap_module
from plugin.edge.addresses import AddressGuard
from plugin.edge.http import Http, Timeouts
from plugin.edge.soap import Soap
from tests.edge.servers import Server, reply, serving

SPACE = "http://shop.example.com"
HEAD = "http://shop.example.com/"
ENDPOINT = "https://shop.example.com/api/shop.asmx"
V11 = "http://schemas.xmlsoap.org/soap/envelope/"
V12 = "http://www.w3.org/2003/05/soap-envelope"

WSDL = b"""<?xml version="1.0"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"
    xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:t="http://shop.example.com"
    xmlns:h="http://shop.example.com/" targetNamespace="http://shop.example.com">
  <wsdl:types>
    <s:schema elementFormDefault="qualified" targetNamespace="http://shop.example.com/">
      <s:element name="AuthHeader"><s:complexType><s:sequence>
        <s:element name="UserName" type="s:string"/><s:element name="Password" type="s:string"/>
      </s:sequence></s:complexType></s:element>
    </s:schema>
    <s:schema elementFormDefault="qualified" targetNamespace="http://shop.example.com">
      <s:complexType name="Free" mixed="true">
        <s:sequence><s:any processContents="lax"/></s:sequence>
      </s:complexType>
      <s:element name="Submit"><s:complexType><s:sequence>
        <s:element name="Params" type="t:Free"/>
      </s:sequence></s:complexType></s:element>
      <s:element name="SubmitResponse"><s:complexType><s:sequence>
        <s:element name="SubmitResult" type="t:Free"/>
      </s:sequence></s:complexType></s:element>
    </s:schema>
  </wsdl:types>
  <wsdl:message name="Auth"><wsdl:part name="AuthHeader" element="h:AuthHeader"/></wsdl:message>
  <wsdl:message name="In"><wsdl:part name="parameters" element="t:Submit"/></wsdl:message>
  <wsdl:message name="Out"><wsdl:part name="parameters" element="t:SubmitResponse"/></wsdl:message>
  <wsdl:portType name="Shop">
    <wsdl:operation name="Submit">
      <wsdl:input message="t:In"/><wsdl:output message="t:Out"/>
    </wsdl:operation>
  </wsdl:portType>
  <wsdl:binding name="Shop" type="t:Shop">
    <soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="Submit">
      <soap:operation soapAction="http://shop.example.com/Submit" style="document"/>
      <wsdl:input><soap:body use="literal"/>
        <soap:header message="t:Auth" part="AuthHeader" use="literal"/></wsdl:input>
      <wsdl:output><soap:body use="literal"/></wsdl:output>
    </wsdl:operation>
  </wsdl:binding>
  <wsdl:binding name="Shop12" type="t:Shop">
    <soap12:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="Submit">
      <soap12:operation soapAction="http://shop.example.com/Submit" style="document"/>
      <wsdl:input><soap12:body use="literal"/>
        <soap12:header message="t:Auth" part="AuthHeader" use="literal"/></wsdl:input>
      <wsdl:output><soap12:body use="literal"/></wsdl:output>
    </wsdl:operation>
  </wsdl:binding>
  <wsdl:service name="shop">
    <wsdl:port name="Shop" binding="t:Shop">
      <soap:address location="http://inside.example.com/shop.asmx"/></wsdl:port>
  </wsdl:service>
</wsdl:definitions>"""


def envelope(body: str, space: str = V11) -> bytes:
    return f'<s:Envelope xmlns:s="{space}"><s:Body>{body}</s:Body></s:Envelope>'.encode()


DONE = (
    f'<SubmitResponse xmlns="{SPACE}"><SubmitResult><Response xmlns="">'
    "<Success>true</Success></Response></SubmitResult></SubmitResponse>"
)


def fault11(code: str, text: str) -> bytes:
    body = f"<s:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring></s:Fault>"
    return envelope(body)


def fault12(code: str, text: str) -> bytes:
    body = (
        f"<s:Fault><s:Code><s:Value>{code}</s:Value></s:Code>"
        f'<s:Reason><s:Text xml:lang="en">{text}</s:Text></s:Reason></s:Fault>'
    )
    return envelope(body, V12)


def door(server: Server) -> Http:
    return Http(
        "https://shop.example.com",
        who="Shop",
        guard=AddressGuard(),
        override=server.origin,
        timeouts=Timeouts(1, 2),
    )


def service(server: Server, binding: str = "Shop", wsdl: bytes | Path = WSDL) -> Soap:
    return Soap(door(server), wsdl, ENDPOINT, f"{{{SPACE}}}{binding}", who="Shop")


def submit(soap: Soap) -> etree._Element:
    header = soap.header(f"{{{HEAD}}}AuthHeader", UserName="me", Password="hidden")
    params = etree.fromstring("<Charges><Quantity>25</Quantity></Charges>")
    result: etree._Element = soap.call("Submit", header, Params={"_value_1": params})
    return result


def failure(answer: bytes, status: int = 500, binding: str = "Shop", **headers: str) -> EdgeError:
    with serving(reply(status, answer, **headers)) as server, pytest.raises(EdgeError) as caught:
        submit(service(server, binding))
    error = caught.value
    assert len(server.requests) == 1
    assert error.who == "Shop"
    assert "hush" not in str(error)
    assert "hidden" not in str(error)
    return error


def test_a_call_carries_header_and_body_in_their_own_namespaces() -> None:
    with serving(reply(200, envelope(DONE))) as server:
        result = submit(service(server))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert result.findtext("Success") == "true"
    assert head.startswith(b"POST /api/shop.asmx HTTP/1.1")
    assert b'SOAPAction: "http://shop.example.com/Submit"' in head
    assert b"Content-Type: text/xml; charset=utf-8" in head
    sent = etree.fromstring(body)
    assert sent.findtext(f"{{{V11}}}Header/{{{HEAD}}}AuthHeader/{{{HEAD}}}Password") == "hidden"
    path = f"{{{V11}}}Body/{{{SPACE}}}Submit/{{{SPACE}}}Params/Charges/Quantity"
    assert sent.findtext(path) == "25"


def test_the_other_binding_speaks_soap_1_2() -> None:
    with serving(reply(200, envelope(DONE, V12))) as server:
        result = submit(service(server, "Shop12"))
    assert result.findtext("Success") == "true"
    assert b"application/soap+xml" in server.requests[0]


def test_a_description_may_be_a_file_and_is_parsed_once(tmp_path: Path) -> None:
    path = tmp_path / "shop.wsdl"
    path.write_bytes(WSDL)
    soap_module._document.cache_clear()
    with serving(reply(200, envelope(DONE))) as server:
        assert service(server, wsdl=path).operations == {"Submit"}
        assert service(server).operations == {"Submit"}
    assert soap_module._document.cache_info().misses == 1


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("s:Client", "hush: wrong user name", RefusedError),
        ("s:Client", "hush: Login failed", RefusedError),
        ("s:Client.Authentication", "hush", RefusedError),
        ("s:Client", "hush: no such agreement", AnswerError),
        ("s:Server", "hush: deadlock", TransientError),
        ("s:Server.Busy", "hush", TransientError),
        ("s:MustUnderstand", "hush", AnswerError),
        ("", "hush", AnswerError),
    ],
)
@pytest.mark.parametrize("status", [500, 200, 400])
def test_a_fault_is_judged_by_its_code_and_not_by_the_status(
    code: str, text: str, kind: type[EdgeError], status: int
) -> None:
    error = failure(fault11(code, text), status)
    assert type(error) is kind
    assert error.code == code.removeprefix("s:")
    assert error.status == status


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("s:Sender", "hush: access denied", RefusedError),
        ("s:Sender", "hush: no such agreement", AnswerError),
        ("s:Receiver", "hush", TransientError),
    ],
)
def test_faults_of_soap_1_2_mean_the_same(code: str, text: str, kind: type[EdgeError]) -> None:
    assert type(failure(fault12(code, text), binding="Shop12")) is kind


def test_a_fault_may_say_when_to_come_back() -> None:
    assert failure(fault11("s:Server", "hush"), 503, Retry_After="9").retry_after == 9


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        (b"<html>hush</html>", 200, AnswerError),
        (b"hush", 200, AnswerError),
        (b"", 200, AnswerError),
        (b"<html>hush</html>", 502, TransientError),
        (b"hush", 503, TransientError),
        (b"hush", 401, RefusedError),
        (envelope("<Other>hush</Other>"), 200, AnswerError),
        (b"<!DOCTYPE a [<!ENTITY x 'hush'>]>" + envelope(DONE), 200, AnswerError),
        (envelope(DONE), 500, TransientError),
    ],
)
def test_what_is_not_soap_is_judged_by_its_status(
    answer: bytes, status: int, kind: type[EdgeError]
) -> None:
    assert type(failure(answer, status)) is kind


@pytest.mark.parametrize(
    ("operation", "body"),
    [("Remove", {}), ("Submit", {"Nonsense": 1}), ("Submit", {})],
)
def test_a_call_that_does_not_fit_the_description_is_not_made(
    operation: str, body: dict[str, object]
) -> None:
    with serving(reply(200, envelope(DONE))) as server, pytest.raises(AnswerError) as caught:
        service(server).call(operation, **body)
    assert caught.value.code == "shape"
    assert server.connections == 0


def test_a_header_nobody_described_is_named() -> None:
    with serving(reply(200)) as server, pytest.raises(AnswerError, match="header"):
        service(server).header("{urn:x}Nothing", UserName="me")


IMPORT = b'<s:import namespace="urn:x" schemaLocation="%s"/><s:element name="Submit">'


@pytest.mark.parametrize(
    "wsdl",
    [
        b"",
        b"not xml",
        b"<html/>",
        b"<!DOCTYPE a>" + WSDL.partition(b"?>")[2],
        WSDL.replace(b'<s:element name="Submit">', IMPORT % b"http://127.0.0.1:PORT/x.xsd"),
        WSDL.replace(b'<s:element name="Submit">', IMPORT % b"/etc/passwd"),
        WSDL.replace(b'<s:element name="Submit">', IMPORT % b"file:///etc/passwd"),
        WSDL.replace(b"soap/http", b"soap/mail"),
        WSDL.replace(b"t:Shop", b"t:Nothing"),
    ],
)
def test_a_description_we_cannot_use_is_named_and_fetches_nothing(wsdl: bytes) -> None:
    with serving(reply(200)) as server:
        text = wsdl.replace(b"PORT", str(server.port).encode())
        with pytest.raises(AnswerError) as caught:
            service(server, wsdl=text)
    assert caught.value.code == "wsdl"
    assert server.connections == 0


def test_a_binding_that_is_not_there_is_named() -> None:
    with serving(reply(200)) as server, pytest.raises(AnswerError, match="description"):
        service(server, "Missing")


def test_the_door_keeps_a_call_on_its_server() -> None:
    with serving(reply(200)) as server:
        soap = Soap(
            door(server), WSDL, "https://evil.example.com/x", f"{{{SPACE}}}Shop", who="Shop"
        )
        with pytest.raises(AnswerError) as caught:
            submit(soap)
    assert caught.value.code == "origin"
    assert server.connections == 0
