import pytest

from plugin.domain.contracts import WARNING
from plugin.domain.errors import EdgeError, RefusedError
from plugin.edge.http import Answer
from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.protect import EsetProtect
from plugin.vendors.eset.refusals import ADVICE
from tests.vendors.eset.house import CONSOLE, adapter_to, adapter_without_msp, switch

STEPS = [
    "Sign in to ESET PROTECT",
    "Read groups",
    "Read devices",
    "Read detections",
    "Read incidents",
    "Sign in to ESET MSP Administrator",
    "Read customers",
]


def climb(protect: EsetProtect) -> tuple[list[str], str, EdgeError | None]:
    """Return what each step saw, and the step that failed with its error."""
    seen: list[str] = []
    for rung in protect.rungs():
        try:
            seen.append(rung.run())
        except EdgeError as error:
            return seen, rung.name, error
    return seen, "", None


def test_a_good_connection_climbs_every_step(protect: EsetProtect) -> None:
    seen, failed, error = climb(protect)
    assert [rung.name for rung in protect.rungs()] == STEPS
    assert (failed, error) == ("", None)
    assert not [text for text in seen if text.startswith(WARNING)]
    assert seen[5] == "signed in for Bridgehead MSP"


def test_a_read_only_user_climbs_every_step(emulator: EsetEmulator) -> None:
    switch(emulator, write_access=False)
    assert climb(adapter_to(emulator))[1:] == ("", None)


def test_without_the_second_slot_its_steps_are_left_out(emulator: EsetEmulator) -> None:
    protect = adapter_without_msp(emulator)
    assert [rung.name for rung in protect.rungs()] == STEPS[:5]


def test_a_console_has_no_steps_for_what_it_does_not_offer(emulator: EsetEmulator) -> None:
    protect = adapter_without_msp(emulator, **CONSOLE)
    assert [rung.name for rung in protect.rungs()] == STEPS[:3]
    assert climb(protect)[1:] == ("", None)


REFUSALS = [
    ({"password": "wrong"}, {}, STEPS[0], "sign_in", "password is wrong"),
    ({}, {"invitation_finished": False}, STEPS[0], "sign_in", "invitation"),
    ({}, {"two_factor": True}, STEPS[0], "two_factor", "two-step"),
    ({}, {"edge_open": False}, STEPS[0], "edge_refusal", "outer gate"),
    ({}, {"integrations": False}, STEPS[1], "integrations", "switch Integrations is off"),
    ({}, {"permission_set": False}, STEPS[1], "permission_set", "no permission set"),
    ({"region": "us"}, {}, STEPS[1], "token", "region is wrong"),
    ({"msp_password": "wrong"}, {}, STEPS[5], "msp_sign_in", "password is wrong"),
    ({}, {"msp_two_factor": True}, STEPS[5], "msp_two_factor", "two-step"),
    ({}, {"msp_api": False}, STEPS[5], "msp_access", "may not use the interface"),
]


@pytest.mark.parametrize(("typed", "switched", "step", "code", "cause"), REFUSALS)
def test_every_refusal_is_told_apart(
    emulator: EsetEmulator,
    typed: dict[str, str],
    switched: dict[str, object],
    step: str,
    code: str,
    cause: str,
) -> None:
    switch(emulator, **switched)
    protect = adapter_to(emulator, **typed)
    _, failed, error = climb(protect)
    assert failed == step
    assert isinstance(error, RefusedError)
    assert error.code == code
    advice = protect.advice(failed, error)
    assert advice is not None
    assert cause in advice.cause
    assert advice.cure


@pytest.mark.parametrize(
    ("typed", "switched", "code"),
    [
        ({"password": "wrong"}, {}, "sign_in"),
        ({}, {"rest_api": False}, "sign_in_address"),
        ({}, {"permission_set": False}, "permission_set"),
    ],
)
def test_a_consoles_refusals_are_told_apart(
    emulator: EsetEmulator, typed: dict[str, str], switched: dict[str, object], code: str
) -> None:
    switch(emulator, **switched)
    _, failed, error = climb(adapter_without_msp(emulator, **{**CONSOLE, **typed}))
    assert failed
    assert error is not None
    assert error.code == code
    assert code in ADVICE


@pytest.mark.parametrize(
    ("switched", "step", "word"),
    [
        ({"group_scope": False}, 1, "no group is visible"),
        ({"group_scope": False}, 2, "no device is visible"),
        ({"missing_services": ["incident-management"]}, 3, "no detections"),
        ({"missing_services": ["incident-management"], "missing_status": 501}, 4, "no incidents"),
        ({"missing_services": ["incident-management"], "missing_status": 404}, 4, "no incidents"),
    ],
)
def test_nothing_visible_is_a_warning_and_never_success(
    emulator: EsetEmulator, switched: dict[str, object], step: int, word: str
) -> None:
    switch(emulator, **switched)
    seen, failed, _ = climb(adapter_to(emulator))
    assert failed == ""
    assert seen[step].startswith(WARNING)
    assert word in seen[step]


def test_an_msp_without_customers_is_a_warning(emulator: EsetEmulator) -> None:
    companies = emulator.table("msp_companies")
    for key in [key for key, one in companies.items() if one["parent"]]:
        del companies[key]
    seen, _, _ = climb(adapter_to(emulator))
    assert seen[6].startswith(WARNING)


def test_a_service_in_maintenance_passes(emulator: EsetEmulator) -> None:
    switch(emulator, msp_maintenance=True)
    _, failed, error = climb(adapter_to(emulator))
    assert failed == STEPS[5]
    assert error is not None
    assert (error.code, error.status) == ("maintenance", 503)


def test_advice_speaks_in_whole_sentences() -> None:
    for advice in ADVICE.values():
        assert advice.cause.endswith(".")
        assert advice.cure.endswith(".")


def test_an_error_without_advice_gets_the_default(protect: EsetProtect) -> None:
    assert protect.advice("Read groups", EdgeError("ESET", "odd")) is None


def test_the_adapter_classifies_like_its_core_service() -> None:
    refused = Answer("GET", "https://eu.example/v1/devices", 403, {}, b"", "ESET")
    error = EsetProtect.classify(refused)
    assert error is not None
    assert error.code == "permission_set"
    assert EsetProtect.classify(Answer("GET", "", 200, {}, b"", "ESET")) is None
