"""The connection check: every refusal with its cause and cure."""

import pytest

from plugin.domain.contracts import WARNING, Advice
from plugin.domain.errors import AnswerError, EdgeError, RefusedError, TransientError
from plugin.edge.emulator import Happening
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from tests.rig import link_to


def first_failure(host: ConnectWisePsa) -> tuple[str, EdgeError | None, Advice | None]:
    """Return the first failing step with its error and advice."""
    for rung in host.rungs():
        try:
            rung.run()
        except EdgeError as error:
            return rung.name, error, host.advice(rung.name, error)
    return "", None, None


def test_a_good_connection_is_green_from_the_first_step_to_the_last(host: ConnectWisePsa) -> None:
    told = [(rung.name, rung.run()) for rung in host.rungs()]
    assert [name for name, _ in told] == [
        "Find the site", "Sign in", "Companies", "Service boards", "Agreements", "Products",
        "Configurations", "Members", "Callbacks",
    ]  # fmt: skip
    assert told[0][1] == "Found Your MSP, v2025.1."
    assert not any(text.startswith(WARNING) for _, text in told)


@pytest.mark.parametrize(
    ("settings", "step", "cause"),
    [
        ({"site": "no site"}, "Find the site", "not an address"),
        ({"login_company": "stranger"}, "Find the site", "does not know the login company"),
        ({"public_key": "wrong"}, "Sign in", "one of the three is wrong"),
        ({"private_key": "wrong-key"}, "Sign in", "one of the three is wrong"),
        ({"client_id": "wrong"}, "Sign in", "clientId is missing or not known"),
    ],
)
def test_a_wrong_field_is_found_at_its_step(
    psa: ConnectWisePsaEmulator, settings: dict[str, str], step: str, cause: str
) -> None:
    host = ConnectWisePsa(link_to(psa, {**psa.connection_settings(), **settings}))
    name, _, advice = first_failure(host)
    assert name == step
    assert advice is not None
    assert cause in advice.cause
    assert advice.cure


@pytest.mark.parametrize(
    ("switch", "step", "cause", "cure"),
    [
        ({"member-off": True}, "Sign in", "API member is inactive", "API Keys"),
        ({"deny": ["company/companies"]}, "Companies", "lacks the right", "Company Maintenance"),
        ({"deny": ["service"]}, "Service boards", "lacks the right", "Service Tickets"),
        ({"deny": ["finance"]}, "Agreements", "lacks the right", "Finance > Agreements"),
        ({"deny": ["procurement"]}, "Products", "lacks the right", "Product Catalog"),
        ({"deny": ["company/configurations"]}, "Configurations", "lacks", "Configurations"),
        ({"deny": ["system/info/members"]}, "Members", "lacks the right", "Member Maintenance"),
        ({"deny": ["system/callbacks"]}, "Callbacks", "lacks the right", "System API"),
    ],
)
def test_a_missing_right_is_named_with_the_setting_that_gives_it(
    host: ConnectWisePsa,
    psa: ConnectWisePsaEmulator,
    switch: dict[str, object],
    step: str,
    cause: str,
    cure: str,
) -> None:
    psa.occur(Happening("switch", switch))
    name, error, advice = first_failure(host)
    assert name == step
    assert isinstance(error, RefusedError)
    assert advice is not None
    assert cause in advice.cause
    assert cure in advice.cure


def test_a_200_with_nothing_visible_is_a_warning(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    psa.occur(Happening("switch", {"hidden": True}))
    told = {rung.name: rung.run() for rung in host.rungs()}
    assert told["Companies"].startswith(f"{WARNING}no companies are visible")
    assert told["Service boards"].startswith(WARNING)
    assert not told["Agreements"].startswith(WARNING), "an MSP may bill elsewhere"


@pytest.mark.parametrize(
    ("fault", "error", "cause"),
    [
        ("redirect", AnswerError, "sends us elsewhere"),
        ("html", TransientError, "answered with a page"),
        ("429-no-wait", TransientError, "limits the calls"),
    ],
)
def test_what_stands_in_between_is_explained(
    host: ConnectWisePsa,
    psa: ConnectWisePsaEmulator,
    fault: str,
    error: type[EdgeError],
    cause: str,
) -> None:
    psa.add_fault(fault, times=9)
    _, found, advice = first_failure(host)
    assert isinstance(found, error)
    assert advice is not None
    assert cause in advice.cause


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("NoSsl", "api- in front"),
        ("NoEndpoint", "wrong keys"),
        ("certificate", "not trusted"),
        ("address", "may not be used"),
        ("name", "cannot be found"),
    ],
)
def test_other_failures_have_their_advice_too(host: ConnectWisePsa, code: str, cause: str) -> None:
    advice = host.advice("Sign in", AnswerError("PSA", "x", code=code))
    assert advice is not None
    assert cause in advice.cause


def test_a_missing_right_elsewhere_and_the_unknown(host: ConnectWisePsa) -> None:
    advice = host.advice("Create test ticket", RefusedError("PSA", "x", status=403))
    assert advice is not None
    assert "lacks a right" in advice.cause
    assert host.advice("Sign in", TransientError("PSA", "x")) is None
