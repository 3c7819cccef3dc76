import pytest

from plugin.edge.addresses import Place, parse
from plugin.hosts.connectwise_psa.site import ALIAS, is_codebase, read_site

CLOUD = "v2025_1/"
NA, EU, MSP = (
    "https://na.myconnectwise.net",
    "https://eu.myconnectwise.net",
    "https://psa.msp.example",
)


@pytest.mark.parametrize(
    ("typed", "codebase", "origin", "interface"),
    [
        ("na.myconnectwise.net", CLOUD, NA, "https://api-na.myconnectwise.net"),
        (" https://EU.myconnectwise.net/x.aspx ", CLOUD, EU, "https://api-eu.myconnectwise.net"),
        ("api-na.myconnectwise.net", CLOUD, NA, "https://api-na.myconnectwise.net"),
        ("psa.msp.example", ALIAS, MSP, MSP),
        (f"{MSP}:8443", CLOUD, f"{MSP}:8443", f"{MSP}:8443"),
        ("https://192.0.2.7", CLOUD, "https://192.0.2.7", "https://192.0.2.7"),
        ("http://127.0.0.1:8491", CLOUD, "http://127.0.0.1:8491", "http://127.0.0.1:8491"),
    ],
)
def test_the_interface_of_a_cloud_site_is_in_front_of_its_name(
    typed: str, codebase: str, origin: str, interface: str
) -> None:
    site = read_site(typed)
    assert (site.origin, site.api_origin(codebase)) == (origin, interface)


@pytest.mark.parametrize(
    "typed", ["", "na my", "https://user:pw@x.example", "ftp://x.example", "0x7f.1"]
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="the "):
        read_site(typed)


def test_a_cloud_site_owns_its_two_names_and_no_other() -> None:
    site = read_site("na.myconnectwise.net")
    assert site.owns(parse("https://na.myconnectwise.net/x"))
    assert site.owns(parse("https://api-na.myconnectwise.net"))
    for other in (
        "https://eu.myconnectwise.net",
        "https://na.myconnectwise.net.evil.example",
        "https://evil-na.myconnectwise.net",
        "https://na.myconnectwise.net:444",
    ):
        assert not site.owns(parse(other)), other
    assert not site.owns(Place("http", "na.myconnectwise.net", 80))


def test_an_exact_address_owns_itself_alone() -> None:
    site = read_site("http://127.0.0.1:8491")
    assert site.owns(parse("http://127.0.0.1:8491/k", schemes=("http",)))
    assert not site.owns(parse("http://127.0.0.1:8492", schemes=("http",)))
    assert not site.owns(parse("https://127.0.0.1:8491"))
    assert site.owns_host("127.0.0.1:8491")
    assert not site.owns_host("127.0.0.1")


def test_a_bare_host_is_compared_whole_and_without_case() -> None:
    site = read_site("na.myconnectwise.net")
    assert site.owns_host("NA.myconnectwise.net")
    assert site.owns_host("api-na.myconnectwise.net")
    assert not site.owns_host("na.myconnectwise.net.evil.example")


def test_code_bases_are_told_from_other_words() -> None:
    assert all(map(is_codebase, ("v4_6_release/", "v2025_1/", "v2026_11/")))
    assert not any(map(is_codebase, ("", "v2025_1", "../", "v2025_1/../", "https://x/")))
