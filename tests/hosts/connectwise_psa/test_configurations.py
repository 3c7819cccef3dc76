"""Configurations as the adapter finds and writes them."""

from dataclasses import replace

import pytest

from plugin.domain.errors import AnswerError, MissingError, RuleError
from plugin.domain.model import Configuration
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from tests.hosts.connectwise_psa.caller import Caller
from tests.hosts.connectwise_psa.made_up import link_to_answers

NEW = Configuration(
    "", "3", "PC-1", "SN-1", "kaspersky:1", ("02:00:00:00:00:01", "02:00:00:00:00:02")
)


def writes(psa: ConnectWisePsaEmulator) -> list[str]:
    return [each["method"] for each in psa.requests if each["method"] != "GET"]


def test_the_configurations_of_a_company_are_listed(host: ConnectWisePsa) -> None:
    found = list(host.configurations("3"))
    assert found
    assert {each.company_id for each in found} == {"3"}
    assert all(each.serial.startswith("SN") and len(each.macs) == 1 for each in found)
    assert list(host.configurations("1")) == []


def test_a_configuration_is_made_found_and_changed(host: ConnectWisePsa, caller: Caller) -> None:
    assert host.find_configuration("3", "kaspersky:1") is None
    made = host.save_configuration(NEW)
    assert made == replace(NEW, id=made.id)
    assert host.find_configuration("3", "kaspersky:1") == made
    assert host.find_configuration("4", "kaspersky:1") is None
    assert host.find_configuration("3", "KASPERSKY:1") is None
    record = caller.get(f"/company/configurations/{made.id}")
    assert record["type"]["name"] == "Managed Workstation"
    changed = host.save_configuration(replace(made, name="PC-2", macs=()))
    assert (changed.name, changed.macs) == ("PC-2", ())


def test_only_what_differs_is_written(host: ConnectWisePsa, psa: ConnectWisePsaEmulator) -> None:
    made = host.save_configuration(NEW)
    psa.requests.clear()
    host.save_configuration(made)
    assert not writes(psa)


def test_an_identifier_that_cannot_be_searched_for_is_looked_for_one_by_one(
    host: ConnectWisePsa,
) -> None:
    odd = replace(NEW, device_identifier='a"b*[c]')
    made = host.save_configuration(odd)
    assert host.find_configuration("3", 'a"b*[c]') == made


def test_an_identifier_that_is_too_long_is_never_sent(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    with pytest.raises(RuleError):
        host.save_configuration(replace(NEW, device_identifier="x" * 101))
    assert not psa.requests


def test_the_custom_fields_of_a_configuration_go_along(
    host: ConnectWisePsa, caller: Caller
) -> None:
    caller.switch(custom_fields=True)
    value = {"op": "replace", "path": "customFields", "value": [{"id": 1, "value": "theirs"}]}
    caller.call("PATCH", "/company/configurations/1", [value])
    present = next(each for each in host.configurations("3") if each.id == "1")
    host.save_configuration(replace(present, device_identifier="kaspersky:9"))
    record = caller.get("/company/configurations/1")
    assert record["deviceIdentifier"] == "kaspersky:9"
    assert record["customFields"][0]["value"] == "theirs"


def test_a_change_that_did_not_take_effect_is_noticed(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    made = host.save_configuration(NEW)
    psa.add_fault("silent-200", path=f"configurations/{made.id}$", times=9)
    with pytest.raises(AnswerError, match="not with what was sent"):
        host.save_configuration(replace(made, name="PC-2"))


def test_a_configuration_that_is_gone_is_missing(host: ConnectWisePsa) -> None:
    with pytest.raises(MissingError):
        host.save_configuration(replace(NEW, id="999"))


def test_a_psa_without_types_says_so() -> None:
    with pytest.raises(AnswerError, match="no configuration type"):
        ConnectWisePsa(link_to_answers(lambda request: [])).save_configuration(NEW)


def test_without_a_usual_type_the_first_one_is_taken(host: ConnectWisePsa, caller: Caller) -> None:
    name = [{"op": "replace", "path": "name", "value": "Box"}]
    caller.call("PATCH", "/company/configurations/types/1", name)
    made = host.save_configuration(NEW)
    assert caller.get(f"/company/configurations/{made.id}")["type"]["name"] == "Box"
