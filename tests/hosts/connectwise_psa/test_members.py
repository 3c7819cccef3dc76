"""Proving members."""

import pytest
from werkzeug.wrappers import Response

from plugin.domain.errors import ForgedError, RefusedError, TransientError
from plugin.domain.model import MemberClaim
from plugin.edge.emulator import Happening
from plugin.hosts.connectwise_psa.emulator import COMPANY, ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from tests.hosts.connectwise_psa.caller import Json
from tests.hosts.connectwise_psa.made_up import link_to_answers


def signed_in(psa: ConnectWisePsaEmulator, member: str = "jdoe") -> str:
    told = psa.occur(Happening("member-signed-in", {"member": member}))
    assert told is not None
    return str(told["memberHash"])


def claim(member_hash: str, **changes: str) -> MemberClaim:
    told = {"company_id": COMPANY, "member_id": "jdoe", "member_context": "web", **changes}
    return MemberClaim(member_hash=member_hash, **told)


def test_a_member_who_is_signed_in_is_proved(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    member = host.prove_member(claim(signed_in(psa)))
    assert (member.id, member.name, member.email) == ("2", "Jane Doe", "jdoe@msp.example")


def test_company_and_member_count_in_any_letter_case(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    told = claim(signed_in(psa), company_id=COMPANY.upper(), member_id="JDOE", member_context="")
    assert host.prove_member(told).id == "2"


@pytest.mark.parametrize(
    "changes",
    [
        {"member_id": "mbrown"},
        {"member_context": "desktop"},
        {"company_id": "other"},
        {"member_id": 'jdoe" or id > 0 or identifier = "'},
        {"member_id": "jdoe; memberHash=x"},
        {"member_id": "jdoe\r\nX: y"},
        {"member_id": ""},
        {"member_id": "x" * 600},
        {"member_id": "Müller"},
    ],
)
def test_a_claim_that_psa_does_not_confirm_is_forged(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator, changes: dict[str, str]
) -> None:
    told = claim(signed_in(psa), **changes)
    with pytest.raises(ForgedError) as caught:
        host.prove_member(told)
    assert told.member_hash not in str(caught.value)


def test_a_hash_that_somebody_made_up_is_forged(host: ConnectWisePsa) -> None:
    with pytest.raises(ForgedError, match="does not confirm"):
        host.prove_member(claim("made-up"))


def test_a_member_made_inactive_since_is_forged(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    member_hash = signed_in(psa)
    record = psa.records.get("system/members", 2) or {}
    record["inactiveFlag"] = True
    psa.records.save("system/members", record, "zadmin")
    with pytest.raises(ForgedError):
        host.prove_member(claim(member_hash))


MEMBER = {"id": 2, "identifier": "jdoe", "firstName": "Jane", "lastName": "Doe"}


@pytest.mark.parametrize(
    "rows",
    [[], [MEMBER, MEMBER], [{**MEMBER, "identifier": "jdoe2"}], [{**MEMBER, "inactiveFlag": True}]],
)
def test_even_if_psa_took_any_hash_our_own_keys_must_know_the_member(rows: Json) -> None:
    def answer(request: Json) -> object:
        return {"version": "v1"} if request.path.endswith("/system/info") else rows

    host = ConnectWisePsa(link_to_answers(answer))
    with pytest.raises(ForgedError, match="no active member"):
        host.prove_member(claim("x", company_id="x"))


def test_the_members_call_carries_the_cookies_and_never_our_keys() -> None:
    seen: list[tuple[str, bool, str]] = []

    def answer(request: Json) -> object:
        headers = request.headers
        seen.append((request.path, "Authorization" in headers, headers.get("Cookie", "")))
        return {"version": "v1"} if request.path.endswith("/system/info") else [MEMBER]

    host = ConnectWisePsa(link_to_answers(answer))
    assert host.prove_member(claim("hash", company_id="x")).name == "Jane Doe"
    assert seen == [
        (
            "/v4_6_release/apis/3.0/system/info",
            False,
            "companyName=x; memberHash=hash; memberId=jdoe; memberContext=web",
        ),
        ("/v4_6_release/apis/3.0/system/info/members", True, ""),
    ]


def test_trouble_at_psa_is_not_taken_for_a_forgery(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    told = claim(signed_in(psa))
    psa.add_fault("503", path="system/info", times=9)
    with pytest.raises(TransientError):
        host.prove_member(told)
    psa.faults.clear()
    psa.add_fault("expired-token", path="info/members", times=9)
    with pytest.raises(RefusedError):
        host.prove_member(told)


def test_an_upgrade_of_the_cloud_does_not_turn_members_away(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    list(host.companies())
    told = claim(signed_in(psa))
    psa.add_fault("stale-codebase")
    assert host.prove_member(told).id == "2"


def test_an_address_that_stays_away_confirms_nobody() -> None:
    def answer(request: Json) -> object:
        return Response("{}", 404, mimetype="application/json")

    with pytest.raises(ForgedError, match="does not confirm"):
        ConnectWisePsa(link_to_answers(answer)).prove_member(claim("x", company_id="x"))
