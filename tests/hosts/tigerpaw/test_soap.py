"""The bytes on the wire: what zeep writes is what a hand-made envelope with the proven names says.

Proven by a public page of a live server: the header's namespace ends in a slash, the body's and
the action's do not. What stands inside Params is not.
"""

from decimal import Decimal
from typing import Any

import pytest
from lxml import etree
from werkzeug.test import Client

from plugin.edge.http import Answer, Http
from plugin.hosts.tigerpaw.emulator import TigerpawEmulator
from tests.hosts.tigerpaw.stand import host_of

WITH_SLASH, WITHOUT = "http://www.tigerpawsoftware.com/", "http://www.tigerpawsoftware.com"
ENVELOPES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
PARAMS = (
    "<AdditionalCharges><AgreementNumber>1201</AgreementNumber>"
    '<AdditionalCharge Action="Update"><DetailId>74</DetailId>'
    "<SpecialItemId>KSC-NODE</SpecialItemId>"
    "<ItemDescription>Managed workstation protection</ItemDescription>"
    "<Quantity>25</Quantity><Price>2.75</Price><UseFlatPrice>false</UseFlatPrice>"
    "<PrintWhenQuantityZero>false</PrintWhenQuantityZero>"
    "<DeleteAfterInvoicing>false</DeleteAfterInvoicing></AdditionalCharge></AdditionalCharges>"
)


def envelope(version: str, header: str = WITH_SLASH, body: str = WITHOUT) -> bytes:
    """Return an envelope made by hand."""
    return (
        f'<e:Envelope xmlns:e="{ENVELOPES[version]}"><e:Header>'
        f'<AuthHeader xmlns="{header}"><UserName>bridgehead</UserName>'
        "<Password>Tigerpaw-Sandbox-1</Password></AuthHeader></e:Header><e:Body>"
        f'<b:SubmitAgreementAdditionalCharges xmlns:b="{body}"><b:Params>{PARAMS}</b:Params>'
        "</b:SubmitAgreementAdditionalCharges></e:Body></e:Envelope>"
    ).encode()


def canonical(data: bytes) -> bytes:
    """Return XML without what makes no difference: which prefix stands for a namespace."""
    root = etree.fromstring(data)
    flat = [(each.tag, sorted(each.attrib.items()), each.text or "") for each in root.iter()]
    return repr(flat).encode()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, dict[str, str]]]:
    """Catch the bodies and headers that leave us."""
    caught: list[tuple[bytes, dict[str, str]]] = []
    honest = Http.send

    def watched(self: Http, method: str, path: str, **options: Any) -> Answer:
        if options.get("data"):
            caught.append((options["data"], dict(options["headers"])))
        return honest(self, method, path, **options)

    monkeypatch.setattr(Http, "send", watched)
    return caught


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_zeep_writes_what_lxml_reads_in_a_hand_made_envelope(
    emulator: TigerpawEmulator, sent: list[tuple[bytes, dict[str, str]]], version: str
) -> None:
    host = host_of(emulator, soap_binding=version)
    line = next(host.agreement_lines("1201"))
    host.set_quantity(line, Decimal(25), None)
    ((data, headers),) = sent
    assert canonical(data) == canonical(envelope(version))
    action = f'"{WITHOUT}/SubmitAgreementAdditionalCharges"'
    told = headers["SOAPAction"] if version == "1.1" else headers["Content-Type"]
    assert action in told


def test_the_two_namespaces_are_those_of_the_proven_page(
    emulator: TigerpawEmulator, sent: list[tuple[bytes, dict[str, str]]]
) -> None:
    host = host_of(emulator)
    host.set_quantity(next(host.agreement_lines("1201")), Decimal(25), None)
    root = etree.fromstring(sent[0][0])
    header = root.find(f"{{{ENVELOPES['1.1']}}}Header/*")
    body = root.find(f"{{{ENVELOPES['1.1']}}}Body/*")
    assert header is not None
    assert body is not None
    assert header.tag == f"{{{WITH_SLASH}}}AuthHeader"
    assert [each.tag for each in header] == [
        f"{{{WITH_SLASH}}}UserName",
        f"{{{WITH_SLASH}}}Password",
    ]
    assert body.tag == f"{{{WITHOUT}}}SubmitAgreementAdditionalCharges"
    assert [each.tag for each in body] == [f"{{{WITHOUT}}}Params"]


@pytest.mark.breaches
@pytest.mark.parametrize(
    ("header", "body"), [(WITHOUT, WITHOUT), (WITH_SLASH, WITH_SLASH), (WITHOUT, WITH_SLASH)]
)
def test_the_emulator_takes_no_other_namespaces(header: str, body: str) -> None:
    emulator = TigerpawEmulator()
    action = f'"{WITHOUT}/SubmitAgreementAdditionalCharges"'
    answer = Client(emulator).post(
        "/api/rmm/tsiWS.asmx",
        data=envelope("1.1", header, body),
        content_type="text/xml; charset=utf-8",
        headers={"SOAPAction": action},
    )
    assert answer.status_code == 500
    assert b"faultcode" in answer.data
    assert emulator.breach_count > 0


@pytest.mark.breaches
@pytest.mark.parametrize(
    ("content_type", "action"),
    [("application/json", '"x"'), ("text/xml", '"http://www.tigerpawsoftware.com//Submit"')],
)
def test_a_wrong_action_or_content_type_is_a_breach(content_type: str, action: str) -> None:
    emulator = TigerpawEmulator()
    Client(emulator).post(
        "/api/rmm/tsiWS.asmx",
        data=envelope("1.1"),
        content_type=content_type,
        headers={"SOAPAction": action},
    )
    assert any("action is not" in breach.problem for breach in emulator.breaches)


@pytest.mark.parametrize(("agreement", "done"), [("1201", True), ("1202", False), ("9", False)])
def test_the_emulator_deletes_a_charge_of_its_own_agreement_only(
    emulator: TigerpawEmulator, agreement: str, *, done: bool
) -> None:
    wanted = envelope("1.1").replace(b'Action="Update"', b'Action="Delete"')
    answer = Client(emulator).post(
        "/api/rmm/tsiWS.asmx",
        data=wanted.replace(b"1201", agreement.encode()),
        content_type="text/xml",
        headers={"SOAPAction": f'"{WITHOUT}/SubmitAgreementAdditionalCharges"'},
    )
    assert answer.status_code == 200
    assert f"<Success>{str(done).lower()}</Success>".encode() in answer.data
    assert ("74" not in emulator.table("charges")) is done
