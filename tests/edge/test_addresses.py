import time
from collections.abc import Sequence

import pytest

from plugin.domain.errors import RefusedError, TransientError
from plugin.edge.addresses import (
    AddressGuard,
    CheckedAddress,
    Place,
    parse,
    parse_loopback,
    resolve,
)

PUBLIC = "93.184.215.14"


def knows(*addresses: str) -> AddressGuard:
    return AddressGuard(resolver=lambda host: addresses)


def refused(guard: AddressGuard, url: str) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        guard.check(url, who="PSA")
    assert (caught.value.who, caught.value.code) == ("PSA", "address")
    return caught.value


def test_a_public_server_passes_with_all_of_its_addresses() -> None:
    guard = knows(PUBLIC, "2a00:1450:4001::1")
    assert guard.check("https://PSA.example.com:8443/v4?x=1") == CheckedAddress(
        "https", "psa.example.com", 8443, (PUBLIC, "2a00:1450:4001::1")
    )


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://psa.example.com", Place("https", "psa.example.com", 443)),
        ("https://xn--mller-kva.example/", Place("https", "xn--mller-kva.example", 443)),
        ("https://1.1.1.1:1/", Place("https", "1.1.1.1", 1)),
        ("https://[2A00:0::1]:65535", Place("https", "2a00::1", 65535)),
    ],
)
def test_plain_spellings_are_read(url: str, place: Place) -> None:
    assert parse(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "http://psa.example.com",
        "ftp://psa.example.com",
        "psa.example.com",
        "//psa.example.com",
        "",
        "https://",
        "https:///x",
        "https://user@psa.example.com",
        "https://user:secret@psa.example.com",
        "https://psa.example.com@127.0.0.1",
        "https://psa.example.com\\@127.0.0.1",
        "https://psa.example.com\\.evil.com",
        "https://127.1",
        "https://127.0.1",
        "https://0x7f.1",
        "https://0x7f000001",
        "https://2130706433",
        "https://017700000001",
        "https://0177.0.0.1",
        "https://127.0.0.0x1",
        "https://127.0.0.1.",
        "https://localhost.",
        "https://psa.example.com.",
        "https://psa..example.com",
        "https://-psa.example.com",
        "https://psa_1.example.com",
        "https://%31%32%37.0.0.1",
        "https://127%2e0.0.1",
        "https://\uff11\uff12\uff17.0.0.1",
        "https://ⓛocalhost",
        "https://müller.example",
        "https://127。0。0。1",
        "https://[::1",
        "https://::1",
        "https://[fe80::1%25eth0]",
        "https://[127.0.0.1]x",
        "https://psa.example.com:0",
        "https://psa.example.com:65536",
        "https://psa.example.com:443:1",
        "https://psa.example.com:٤٤٣",
        "https://psa.example.com: 443",
        "https://psa.example.com:x",
        "https://psa example.com",
        " https://psa.example.com",
        "https://psa.example.com\n",
        "https://psa.exa\tmple.com",
        "https://psa.example.com/\x00",
        "https://" + "a" * 64 + ".example.com",
        "https://" + "a." * 127 + "com",
    ],
)
def test_odd_spellings_are_refused_before_anybody_is_asked(url: str) -> None:
    asked: list[str] = []

    def resolver(host: str) -> Sequence[str]:
        asked.append(host)
        return (PUBLIC,)

    refused(AddressGuard(resolver=resolver, allow_private=["127.0.0.1"]), url)
    assert asked == []


INSIDE = [
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.254",
    "fc00::1",
    "fdff::1",
]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "169.254.0.1",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.254",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    f"::ffff:{PUBLIC}",
    "64:ff9b::7f00:1",
    "64:ff9b::5db8:d70e",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:5db8:d70e::1",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "ff02::1",
    "nonsense",
]


@pytest.mark.parametrize("address", INSIDE + NEVER)
def test_an_address_that_is_not_on_the_internet_is_refused(address: str) -> None:
    refused(knows(address), "https://psa.example.com")


@pytest.mark.parametrize("address", INSIDE + NEVER)
def test_one_bad_address_among_good_ones_is_enough(address: str) -> None:
    refused(knows(PUBLIC, address), "https://psa.example.com")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "[::1]", "[::ffff:7f00:1]"])
def test_an_address_in_the_url_is_judged_like_any_other(address: str) -> None:
    refused(knows(PUBLIC), f"https://{address}/")


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "168.63.129.15",
        "2001:200::1",
        "2003::1",
        "2606:4700::1111",
        "3ffe:ffff::1",
    ],
)
def test_the_neighbours_of_special_ranges_are_the_internet(address: str) -> None:
    assert knows(address).check("https://psa.example.com").addresses == (address,)


@pytest.mark.parametrize("address", INSIDE)
def test_a_host_an_administrator_has_named_may_be_in_a_private_network(address: str) -> None:
    guard = AddressGuard(allow_private=["PSA.example.com"], resolver=lambda host: (address,))
    assert guard.check("https://psa.example.com").addresses == (address,)
    refused(guard, "https://other.example.com")


@pytest.mark.parametrize("address", NEVER)
def test_naming_a_host_never_opens_this_computer_or_a_clouds_services(address: str) -> None:
    refused(
        AddressGuard(allow_private=["psa.example.com"], resolver=lambda host: (address,)),
        "https://psa.example.com",
    )


def test_a_private_address_can_be_named_as_an_address() -> None:
    guard = AddressGuard(allow_private=["10.1.2.3", "[FD00:0::5]"])
    assert guard.check("https://10.1.2.3").addresses == ("10.1.2.3",)
    assert guard.check("https://[fd00::5]").addresses == ("fd00::5",)
    refused(guard, "https://10.1.2.4")


@pytest.mark.parametrize("failure", [OSError("no"), UnicodeError("no")])
def test_a_name_nobody_knows_may_be_known_later(failure: Exception) -> None:
    def resolver(host: str) -> Sequence[str]:
        raise failure

    with pytest.raises(TransientError) as caught:
        AddressGuard(resolver=resolver).check("https://psa.example.com")
    assert caught.value.code == "name"


def test_a_name_server_that_does_not_answer_does_not_hold_us() -> None:
    def resolver(host: str) -> Sequence[str]:
        time.sleep(1)
        return (PUBLIC,)

    guard = AddressGuard(resolver=resolver)
    began = time.monotonic()
    with pytest.raises(TransientError):
        guard.addresses("psa.example.com", who="PSA", seconds=0.1)
    assert time.monotonic() - began < 0.5


def test_an_administrator_reads_what_to_mend() -> None:
    problem = knows("10.0.0.1").problem("site", "https://psa.example.com")
    assert problem is not None
    assert problem.field == "site"
    assert problem.message == (
        "Psa.example.com is in a private network, which this connection is not allowed to use."
    )
    assert knows(PUBLIC).problem("site", "https://psa.example.com") is None
    spelled = knows(PUBLIC).problem("site", "http://psa.example.com")
    assert spelled is not None
    assert spelled.message == "The address must begin with https://."
    unknown = knows().problem("site", "https://psa.example.com")
    assert unknown is not None
    assert unknown.message == "The name psa.example.com cannot be found."


def test_a_metadata_service_is_named_as_such() -> None:
    assert "cloud" in refused(knows("168.63.129.16"), "https://x.example.com").message


def test_the_system_is_asked_for_names() -> None:
    assert "127.0.0.1" in resolve("127.0.0.1")


def test_the_resolver_is_asked_for_the_very_name_and_whoever_asked_is_told() -> None:
    asked: list[str] = []

    def resolver(host: str) -> Sequence[str]:
        asked.append(host)
        return (PUBLIC,) if host == "psa.example.com" else ()

    guard = AddressGuard(resolver=resolver)
    assert guard.check("https://PSA.example.com").addresses == (PUBLIC,)
    with pytest.raises(TransientError) as caught:
        guard.check("https://other.example.com", who="PSA")
    assert asked == ["psa.example.com", "other.example.com"]
    assert (caught.value.who, caught.value.code) == ("PSA", "name")
    assert "other.example.com" in caught.value.message


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8099", "https://localhost:1/", "http://[::1]:8099"]
)
def test_an_override_is_an_origin_on_this_computer(origin: str) -> None:
    assert parse_loopback(origin).host in {"127.0.0.1", "localhost", "::1"}


@pytest.mark.parametrize(
    "origin",
    ["http://127.0.0.1:8099/x", "https://127.0.0.2", "http://localhost.example.com", "ftp://[::1]"],
)
def test_any_other_override_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match=r"must begin|on this computer"):
        parse_loopback(origin)
