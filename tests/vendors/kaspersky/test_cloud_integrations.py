import pytest

from plugin.domain.errors import MissingError, RuleError
from plugin.domain.model import Administrator
from plugin.vendors.kaspersky.cloud import KasperskyCloud
from plugin.vendors.kaspersky.emulator_cloud import CloudEmulator
from plugin.vendors.kaspersky.emulator_cloud_facts import USER
from tests.vendors.kaspersky.clouds import ANNA, BEN, Caller, calls, cloud, filled, happen

AUTOMATE, PSA = "connectwise_automate", "connectwise_psa"
NAME = "Integration with ConnectWise Automate"


@pytest.fixture
def emulator() -> CloudEmulator:
    return filled(CloudEmulator())


@pytest.fixture
def adapter(emulator: CloudEmulator) -> KasperskyCloud:
    return cloud(emulator)


@pytest.fixture
def workspaces(adapter: KasperskyCloud) -> list[str]:
    return [each.id for each in adapter.workspaces()]


def seen_by(emulator: CloudEmulator, user: str) -> set[str]:
    """Return the workspaces a user administers."""
    _, answer = Caller(emulator, user).call("GET", "/v1/tenants")
    return {each["id"] for each in answer["items"]}


# -- making, renaming, deleting ------------------------------------------------------------------


def test_a_new_integration_has_the_vendors_id_and_its_maker_as_administrator(
    adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, tuple(workspaces[:2]), "ref-1")
    kept = adapter.integration(made)
    assert (kept.id, kept.platform, kept.name) == (made, AUTOMATE, NAME)
    assert set(kept.workspaces) == set(workspaces[:2])
    assert [each.email for each in kept.administrators] == [USER]


def test_an_integration_can_be_made_empty(adapter: KasperskyCloud) -> None:
    assert adapter.integration(adapter.create_integration(PSA, NAME, (), "ref-1")).workspaces == ()


def test_one_reference_makes_one_integration(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    emulator.add_fault("done-but-timeout", path="/v1/integrations")
    made = adapter.create_integration(AUTOMATE, NAME, (workspaces[0],), "ref-1")
    assert adapter.create_integration(AUTOMATE, NAME, (workspaces[0],), "ref-1") == made
    assert adapter.create_integration(AUTOMATE, NAME, (), "ref-2") != made
    assert len(emulator.state()["integrations"]) == 2


def test_a_rename_keeps_the_id(adapter: KasperskyCloud, workspaces: list[str]) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, (workspaces[0],), "ref-1")
    adapter.update_integration(made, "New name", (workspaces[0],))
    assert adapter.integration(made).name == "New name"


def test_workspaces_are_exactly_those_that_are_wanted(
    adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, (workspaces[0], workspaces[1]), "ref-1")
    adapter.update_integration(made, NAME, (workspaces[1], workspaces[2]))
    assert set(adapter.integration(made).workspaces) == set(workspaces[1:])


def test_a_workspace_belongs_to_one_integration_per_platform(
    adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    names = {each.id: each.name for each in adapter.workspaces()}
    adapter.create_integration(AUTOMATE, "First", (workspaces[0],), "ref-1")
    with pytest.raises(RuleError) as caught:
        adapter.create_integration(AUTOMATE, "Second", tuple(workspaces), "ref-2")
    assert caught.value.field == "workspaces"
    assert f"{names[workspaces[0]]} belongs to First" in caught.value.message
    assert "Take it out" in caught.value.message
    other = adapter.create_integration(PSA, "For tickets", tuple(workspaces), "ref-3")
    assert set(adapter.integration(other).workspaces) == set(workspaces)


def test_a_taken_workspace_cannot_be_added_later_either(
    adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    adapter.create_integration(AUTOMATE, "First", (workspaces[0],), "ref-1")
    second = adapter.create_integration(AUTOMATE, "Second", (workspaces[1],), "ref-2")
    with pytest.raises(RuleError, match="belongs to First"):
        adapter.update_integration(second, "Second", (workspaces[0], workspaces[1]))
    assert adapter.integration(second).workspaces == (workspaces[1],)


def test_a_long_list_of_conflicts_is_cut_short() -> None:
    emulator = filled(CloudEmulator(), 9, 9)
    adapter = cloud(emulator)
    every = tuple(each.id for each in adapter.workspaces())
    adapter.create_integration(AUTOMATE, "First", every, "ref-1")
    with pytest.raises(RuleError, match="and 4 more"):
        adapter.create_integration(AUTOMATE, "Second", every, "ref-2")


def test_a_workspace_that_is_freed_can_join_another_integration(
    adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    first = adapter.create_integration(AUTOMATE, "First", tuple(workspaces), "ref-1")
    adapter.update_integration(first, "First", tuple(workspaces[1:]))
    adapter.create_integration(AUTOMATE, "Second", (workspaces[0],), "ref-2")
    adapter.delete_integration(first)
    adapter.create_integration(AUTOMATE, "Third", tuple(workspaces[1:]), "ref-3")


def test_a_foreign_workspace_cannot_be_taken(adapter: KasperskyCloud) -> None:
    with pytest.raises(MissingError):
        adapter.create_integration(AUTOMATE, NAME, ("somebody-else's",), "ref-1")


def test_a_deletion_is_told_to_every_administrator(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, (workspaces[0],), "ref-1")
    adapter.grant(made, (Administrator(ANNA, "Anna"), Administrator(BEN, "Ben")))
    adapter.delete_integration(made)
    outbox = emulator.state()["outbox"]
    assert {mail["to"] for mail in outbox} == {USER, ANNA, BEN}
    assert all(NAME in mail["subject"] for mail in outbox)
    with pytest.raises(MissingError):
        adapter.integration(made)


def test_a_deletion_can_be_repeated(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, (workspaces[0],), "ref-1")
    emulator.add_fault("done-but-timeout", path="/v1/integrations")
    adapter.delete_integration(made)
    adapter.delete_integration(made)
    assert len(emulator.state()["outbox"]) == 1


# -- administrators ------------------------------------------------------------------------------


def test_only_registered_users_are_known(emulator: CloudEmulator, adapter: KasperskyCloud) -> None:
    assert adapter.known(ANNA)
    assert adapter.known("Anna@MSP.example")
    assert not adapter.known("zoe@msp.example")
    assert not adapter.known("anna+%&=#@msp.example")


def test_an_administrator_sees_the_integrations_workspaces(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, (workspaces[0],), "ref-1")
    assert seen_by(emulator, ANNA) == set()
    adapter.grant(made, (Administrator(ANNA.upper(), "Anna"),))
    assert seen_by(emulator, ANNA) == {workspaces[0]}
    assert Administrator(ANNA, "Anna") in adapter.integration(made).administrators


def test_an_administrator_can_be_granted_twice_with_another_alias(
    adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, (workspaces[0],), "ref-1")
    adapter.grant(made, (Administrator(ANNA, "Anna"),))
    adapter.grant(made, (Administrator(ANNA, "Anna K."), Administrator(BEN)))
    assert {(each.email, each.alias) for each in adapter.integration(made).administrators} >= {
        (ANNA, "Anna K."),
        (BEN, ""),
    }


def test_a_stranger_is_refused_and_with_it_all_others(
    adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, (workspaces[0],), "ref-1")
    with pytest.raises(RuleError, match=r"zoe@msp\.example") as caught:
        adapter.grant(made, (Administrator(ANNA), Administrator("zoe@msp.example")))
    assert caught.value.field == "administrators"
    assert [each.email for each in adapter.integration(made).administrators] == [USER]


def test_a_removed_administrator_loses_the_integration_and_its_workspaces(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, tuple(workspaces[:2]), "ref-1")
    adapter.grant(made, (Administrator(ANNA),))
    adapter.revoke(made, (Administrator(ANNA), Administrator(BEN)))
    assert seen_by(emulator, ANNA) == set()
    status, answer = Caller(emulator, ANNA).call("GET", f"/v1/integrations/{made}")
    assert (status, answer["error"]["code"]) == (403, "not-integration-administrator")


def test_a_workspace_taken_out_keeps_its_administrators(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, tuple(workspaces[:2]), "ref-1")
    adapter.grant(made, (Administrator(ANNA),))
    adapter.update_integration(made, NAME, (workspaces[0],))
    assert seen_by(emulator, ANNA) == set(workspaces[:2])
    adapter.revoke(made, (Administrator(ANNA),))
    assert seen_by(emulator, ANNA) == {workspaces[1]}


def test_after_a_deletion_administrators_keep_the_workspaces(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, tuple(workspaces[:2]), "ref-1")
    adapter.grant(made, (Administrator(ANNA),))
    adapter.delete_integration(made)
    assert seen_by(emulator, ANNA) == set(workspaces[:2])


def test_the_last_administrator_stays(adapter: KasperskyCloud, workspaces: list[str]) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, (workspaces[0],), "ref-1")
    with pytest.raises(RuleError, match="one administrator") as caught:
        adapter.revoke(made, (Administrator(USER),))
    assert caught.value.field == "administrators"


def test_administrators_are_equal(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, (workspaces[0],), "ref-1")
    adapter.grant(made, (Administrator(ANNA),))
    cloud(emulator, user=ANNA).revoke(made, (Administrator(USER),))
    with pytest.raises(RuleError, match="add this connection's user") as caught:
        adapter.update_integration(made, NAME, ())
    assert caught.value.field == "integration"
    assert workspaces[0] not in {each.id for each in adapter.workspaces()}


def test_a_colleague_can_remove_an_administrator_behind_our_back(
    emulator: CloudEmulator, adapter: KasperskyCloud, workspaces: list[str]
) -> None:
    made = adapter.create_integration(AUTOMATE, NAME, (workspaces[0],), "ref-1")
    adapter.grant(made, (Administrator(ANNA),))
    told = happen(emulator, "administrator-removed")
    assert (told["integration"], told["email"]) == (made, ANNA)
    assert [each.email for each in adapter.integration(made).administrators] == [USER]


def test_nobody_to_grant_or_revoke_is_no_call(
    emulator: CloudEmulator, adapter: KasperskyCloud
) -> None:
    adapter.grant("any", ())
    adapter.revoke("any", ())
    assert calls(emulator, "/administrators") == 0


def test_an_integration_that_is_gone_is_missing(adapter: KasperskyCloud) -> None:
    for call in (
        lambda: adapter.update_integration("gone", NAME, ()),
        lambda: adapter.grant("gone", (Administrator(ANNA),)),
        lambda: adapter.integration("gone"),
    ):
        with pytest.raises(MissingError):
            call()
