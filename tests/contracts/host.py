"""The promises every host adapter keeps, one suite per ability it declares.

A host's test module says ``TestSomething = host_contract("its_kind")``; how it is made stands in
:mod:`tests.contracts.hosts`.
"""

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from plugin.domain import contracts
from plugin.domain.contracts import (
    BillsUsage,
    Host,
    KeepsConfigurations,
    KeepsExtraFields,
    ListsAlerts,
    ListsComputers,
    ListsGroups,
    OffersScripts,
    OpensTickets,
    PlacesPages,
    ProvesMembers,
    RunsCommands,
    RunsScripts,
    SendsWebhooks,
)
from plugin.domain.errors import (
    AnswerError,
    EdgeError,
    ForgedError,
    MissingError,
    RefusedError,
    RuleError,
    TransientError,
)
from plugin.domain.model import (
    ActionState,
    Agreement,
    AgreementLine,
    Configuration,
    Delivery,
    Placement,
    TicketDraft,
)
from plugin.domain.tickets import ticket_key
from plugin.edge.emulator import Happening
from tests.contracts.adapter import AdapterPromises, Listing, Promises, able, error_of
from tests.contracts.hosts import HOSTS, PLAIN_URL, URL, HostStand
from tests.rig import small_world

KEY, OTHER_KEY = (ticket_key("kaspersky_ksc", "1", device, "virus") for device in ("a", "b"))
SECRET = "a-made-up-webhook-secret-0123456"
HOSTILE = 'He said "no" \\ <script>x</script> [x] *%_ & é 🙂 =1+1'

COVERED: set[str] = set()


class HostSuite(Promises):
    """What all suites of hosts share."""

    def prepare(self) -> HostStand:
        """Return the host's stand-in with a small world in it."""
        return HOSTS[self.kind].stand(small_world())

    @pytest.fixture
    def host(self, stand: HostStand) -> Host:
        return stand.made()


def client_id(host: Host) -> str:
    """Return the id of a client company (a host has its own company among them)."""
    return list(host.companies())[-1].id


def listings(host: Host) -> list[Listing]:
    """Return every reading the host offers, by name."""
    company = client_id(host)
    found: list[Listing] = [("companies", lambda: list(host.companies()))]
    if isinstance(host, ListsComputers):
        found.append(("computers", lambda: list(host.computers())))
    if isinstance(host, BillsUsage):
        found.append(("agreements", lambda: list(host.agreements(company))))
        found.append(("products", lambda: list(host.products(""))))
    if isinstance(host, KeepsConfigurations):
        found.append(("configurations", lambda: list(host.configurations(company))))
    return found


class HostPromises(HostSuite, AdapterPromises):
    """The duty of every host."""

    def duty(self, adapter: Host) -> Callable[[], object]:
        """Return the reading that every host offers."""
        return lambda: list(adapter.companies())

    def listings(self, adapter: Host) -> list[Listing]:
        """Return every reading the host offers, by name."""
        return listings(adapter)

    def test_every_company_is_listed_once(self, host: Host) -> None:
        found = list(host.companies())
        assert len(found) >= 3
        assert len({company.id for company in found}) == len(found)
        assert all(company.id and company.name for company in found)

    def test_a_renamed_company_keeps_its_id(self, stand: HostStand, host: Host) -> None:
        before = {company.id: company.name for company in host.companies()}
        assert stand.emulator.occur(Happening("company-renamed")) is not None
        after = {company.id: company.name for company in host.companies()}
        assert before.keys() == after.keys()
        assert sum(before[each] != after[each] for each in before) == 1


class ComputerPromises(HostSuite):
    """ListsComputers."""

    def test_every_computer_is_listed_once_and_in_a_company_of_ours(self, host: Host) -> None:
        computers = list(able(host, ListsComputers).computers())
        known = {company.id for company in host.companies()}
        assert computers
        assert len({computer.id for computer in computers}) == len(computers)
        assert {computer.company_id for computer in computers} <= known
        assert all(computer.name for computer in computers)

    def test_a_role_that_is_gained_or_lost_is_seen(self, stand: HostStand, host: Host) -> None:
        lister = able(host, ListsComputers)
        for word, change in (("role-gained", 1), ("role-lost", -1)):
            before = sum(computer.is_bridge for computer in lister.computers())
            assert stand.emulator.occur(Happening(word)) is not None
            assert sum(computer.is_bridge for computer in lister.computers()) == before + change


class GroupPromises(HostSuite):
    """ListsGroups."""

    def test_groups_are_listed_once_and_hold_computers_of_ours(self, host: Host) -> None:
        lister = able(host, ListsGroups)
        groups = list(lister.groups())
        assert groups
        assert len({group.id for group in groups}) == len(groups)
        computers = {computer.id for computer in able(host, ListsComputers).computers()}
        for group in groups[:10]:
            assert set(lister.members(group.id)) <= computers


class TicketPromises(HostSuite):
    """OpensTickets."""

    @pytest.fixture
    def desk(self, host: Host) -> OpensTickets:
        return able(host, OpensTickets)

    @pytest.fixture
    def draft(self, host: Host) -> TicketDraft:
        return TicketDraft(client_id(host), "Malware found", "What happened.")

    def test_an_opened_ticket_is_found_by_its_key(
        self, desk: OpensTickets, draft: TicketDraft
    ) -> None:
        assert desk.find_ticket(KEY) is None
        ref = desk.open_ticket(draft, KEY)
        found = desk.find_ticket(KEY)
        assert found is not None
        assert (found.id, found.key, found.closed) == (ref.id, KEY, False)
        assert found.company_id == draft.company_id
        assert draft.summary in found.summary
        assert desk.find_ticket(OTHER_KEY) is None
        assert desk.ticket(ref.id) == found

    @pytest.mark.parametrize("fault", ["done-but-timeout", "cut", "refuse"])
    def test_sending_a_ticket_after_an_unclear_answer_opens_one(
        self, stand: HostStand, desk: OpensTickets, draft: TicketDraft, fault: str
    ) -> None:
        desk.find_ticket(KEY)
        stand.emulator.add_fault(fault)
        try:
            desk.open_ticket(draft, KEY)
        except TransientError:
            stand.emulator.faults.clear()
            if desk.find_ticket(KEY) is None:
                desk.open_ticket(draft, KEY)
        assert desk.find_ticket(KEY) is not None
        assert json.dumps(stand.emulator.state()).count(KEY) == 1

    def test_texts_of_any_kind_and_length_are_taken(
        self, desk: OpensTickets, draft: TicketDraft
    ) -> None:
        odd = replace(draft, summary=HOSTILE * 10, body=f"{HOSTILE}\n" * 50)
        ref = desk.open_ticket(odd, KEY)
        assert 0 < len(desk.ticket(ref.id).summary) <= desk.summary_limit

    def test_a_note_is_added_once_per_marker(
        self, stand: HostStand, desk: OpensTickets, draft: TicketDraft
    ) -> None:
        ref = desk.open_ticket(draft, KEY)
        for marker in ("marker-one", "marker-one", "marker-two"):
            desk.add_note(ref.id, "It came again.", marker)
        told = json.dumps(stand.emulator.state())
        assert [told.count(marker) for marker in ("marker-one", "marker-two")] == [1, 1]

    def test_closing_and_reopening_twice_is_harmless(
        self, desk: OpensTickets, draft: TicketDraft
    ) -> None:
        ref = desk.open_ticket(draft, KEY)
        for _ in range(2):
            desk.close_ticket(ref.id, "It is gone.", "")
            assert desk.ticket(ref.id).closed
        for _ in range(2):
            desk.reopen_ticket(ref.id, "It is back.", "")
            assert not desk.ticket(ref.id).closed

    def test_what_a_technician_does_is_seen(
        self, stand: HostStand, desk: OpensTickets, draft: TicketDraft
    ) -> None:
        ref = desk.open_ticket(draft, KEY)
        assert stand.emulator.occur(Happening("ticket-closed", {"ticket": ref.id})) is not None
        assert desk.ticket(ref.id).closed
        now = datetime.now(UTC)
        assert [each.key for each in desk.tickets_changed(now - timedelta(hours=1))] == [KEY]
        assert list(desk.tickets_changed(now + timedelta(days=1))) == []

    def test_a_ticket_that_is_not_there_is_missing(self, desk: OpensTickets) -> None:
        for number in ("987654", "nonsense' or 1", ""):
            assert isinstance(error_of(lambda each=number: desk.ticket(each)), MissingError)  # type: ignore[misc]

    def test_every_routing_word_has_choices(self, desk: OpensTickets) -> None:
        names = [field.name for field in desk.ticket_fields]
        assert len(names) == len(set(names))
        for name in names:
            choices = desk.ticket_choices(name)
            assert choices
            assert len({(each.value, each.parent) for each in choices}) == len(choices)
        assert desk.ticket_choices("no-such-field") == ()


class BillingPromises(HostSuite):
    """BillsUsage."""

    def test_agreements_and_lines_belong_together(self, host: Host) -> None:
        bills = able(host, BillsUsage)
        agreement = _agreement(host)
        lines = list(bills.agreement_lines(agreement.id))
        assert lines
        assert {line.agreement_id for line in lines} == {agreement.id}
        assert len({line.id for line in lines}) == len(lines)
        assert all(line.quantity >= 0 for line in lines)

    def test_products_are_found_by_a_part_of_their_name(self, host: Host) -> None:
        bills = able(host, BillsUsage)
        everything = list(bills.products(""))
        assert len({product.id for product in everything}) == len(everything)
        part = everything[0].name[1:8]
        found = list(bills.products(part))
        assert everything[0] in found
        assert set(found) <= set(everything)
        assert list(bills.products("no such product at all")) == []

    def test_a_hostile_search_finds_nothing_or_is_refused(self, host: Host) -> None:
        bills = able(host, BillsUsage)
        for search in ('" or id > 0 or name = "', "' OR 1=1 --", "*", "%"):
            try:
                found = list(bills.products(search))
            except RuleError:
                continue
            assert all(search in f"{each.name}{each.identifier}" for each in found), search

    def test_a_quantity_is_written_read_back_and_written_once(
        self, stand: HostStand, host: Host
    ) -> None:
        bills = able(host, BillsUsage)
        agreement = _agreement(host)
        line = next(iter(bills.agreement_lines(agreement.id)))
        if not bills.writes_charges:
            changing = error_of(lambda: bills.set_quantity(line, line.quantity + 3, None))
            _demand_export_only(changing, bills, line)
            return
        changed = bills.set_quantity(line, line.quantity + 3, None)
        assert changed.quantity == line.quantity + 3
        assert changed in list(bills.agreement_lines(agreement.id))
        assert bills.set_quantity(changed, changed.quantity, None).quantity == changed.quantity

    def test_a_line_is_added(self, host: Host) -> None:
        bills = able(host, BillsUsage)
        agreement = _agreement(host)
        product = next(each for each in bills.products("") if each.active)
        if not bills.writes_charges:
            line = next(iter(bills.agreement_lines(agreement.id)))
            adding = error_of(lambda: bills.add_line(agreement.id, product.id, Decimal(4), None))
            _demand_export_only(adding, bills, line)
            return
        made = bills.add_line(agreement.id, product.id, Decimal(4), None)
        assert (made.agreement_id, made.product_id) == (agreement.id, product.id)
        assert made.quantity == 4
        assert made.id in {line.id for line in bills.agreement_lines(agreement.id)}

    def test_an_ended_agreement_is_not_active(self, stand: HostStand, host: Host) -> None:
        told = stand.emulator.occur(Happening("agreement-ended"))
        assert told is not None
        agreements = able(host, BillsUsage).agreements(str(told["company"]))
        ended = [each for each in agreements if each.id == str(told["agreement"])]
        assert [each.active for each in ended] == [False]


def _demand_export_only(error: EdgeError, bills: BillsUsage, line: AgreementLine) -> None:
    """A host that cannot write says so, and is not written to."""
    assert isinstance(error, RefusedError)
    assert "export" in error.message
    assert line in list(bills.agreement_lines(line.agreement_id))


def _agreement(host: Host) -> Agreement:
    bills = able(host, BillsUsage)
    return next(each for company in host.companies() for each in bills.agreements(company.id))


class ConfigurationPromises(HostSuite):
    """KeepsConfigurations."""

    def test_a_configuration_is_made_found_and_changed(self, host: Host) -> None:
        keeper = able(host, KeepsConfigurations)
        company = client_id(host)
        assert keeper.find_configuration(company, "kaspersky_ksc:1") is None
        wanted = Configuration(
            "", company, "PC-1", "SN-1", "kaspersky_ksc:1", ("02:00:00:00:00:01",)
        )
        made = keeper.save_configuration(wanted)
        assert made == replace(wanted, id=made.id)
        assert keeper.find_configuration(company, "kaspersky_ksc:1") == made
        assert keeper.save_configuration(replace(made, name="PC-2")).name == "PC-2"
        listed = [each for each in keeper.configurations(company) if each.id == made.id]
        assert [each.name for each in listed] == ["PC-2"]

    def test_a_hostile_identifier_is_found_as_it_is(self, host: Host) -> None:
        keeper = able(host, KeepsConfigurations)
        company = client_id(host)
        wanted = Configuration("", company, "PC", "", 'a"b*[c] or 1', ())
        made = keeper.save_configuration(wanted)
        assert keeper.find_configuration(company, wanted.device_identifier) == made
        assert keeper.find_configuration(company, 'a"b*[c]') is None


class ExtraFieldPromises(HostSuite):
    """KeepsExtraFields."""

    def test_a_field_is_written_and_read_back(self, host: Host) -> None:
        keeper, computer = able(host, KeepsExtraFields), _some_computer(host)
        fields = [each for each in keeper.extra_fields(computer) if not each.read_only]
        assert fields
        field = next((each for each in fields if not each.options), fields[0])
        value = field.options[0] if field.options else "Protected"
        written = keeper.set_extra_field(computer, field.id, value)
        assert (written.id, written.value) == (field.id, value)
        assert written in keeper.extra_fields(computer)

    def test_a_field_or_a_computer_that_is_not_there_is_told(self, host: Host) -> None:
        keeper, computer = able(host, KeepsExtraFields), _some_computer(host)
        field = next(each for each in keeper.extra_fields(computer) if not each.read_only)
        with pytest.raises(RuleError):
            keeper.set_extra_field(computer, "987654", "x")
        with pytest.raises(MissingError):
            keeper.set_extra_field("987654", field.id, "x")


def _some_computer(host: Host) -> str:
    """Return the id of a record that stands for a computer."""
    if isinstance(host, ListsComputers):
        return next(iter(host.computers())).id
    keeper = able(host, KeepsConfigurations)
    every = (each for company in host.companies() for each in keeper.configurations(company.id))
    return next(every).id


class CommandPromises(HostSuite):
    """RunsCommands."""

    def test_a_command_can_be_started_and_followed(self, host: Host) -> None:
        runner = able(host, RunsCommands)
        computer = next(each for each in able(host, ListsComputers).computers() if each.online)
        reference = runner.run_command(computer.id, "echo bridgehead")
        assert reference
        assert isinstance(runner.command_progress(reference).state, ActionState)


class OwnScriptPromises(HostSuite):
    """RunsScripts."""

    def test_a_script_is_found_by_a_part_of_its_name_and_started(self, host: Host) -> None:
        runner = able(host, RunsScripts)
        everything = list(runner.scripts(""))
        assert everything
        assert len({script.value for script in everything}) == len(everything)
        assert everything[0] in list(runner.scripts(everything[0].label[1:6]))
        computer = next(each for each in able(host, ListsComputers).computers() if each.online)
        assert runner.run_script(everything[0].value, (computer.id,), {}) == ()

    def test_a_computer_that_is_not_there_is_not_taken(self, host: Host) -> None:
        runner = able(host, RunsScripts)
        script = next(iter(runner.scripts(""))).value
        assert runner.run_script(script, ("987654",), {}) == ("987654",)


class AlertPromises(HostSuite):
    """ListsAlerts."""

    def test_an_alert_that_was_raised_is_listed(self, stand: HostStand, host: Host) -> None:
        lister = able(host, ListsAlerts)
        since = stand.emulator.clock() - timedelta(minutes=1)
        before = list(lister.alerts(since))
        assert stand.emulator.occur(Happening("alert-raised")) is not None
        after = list(lister.alerts(since))
        assert len(after) == len(before) + 1
        assert all(event.entity_id for event in after)
        assert list(lister.alerts(since + timedelta(days=1))) == []


class WebhookPromises(HostSuite):
    """SendsWebhooks."""

    @pytest.fixture
    def delivery(self, stand: HostStand) -> Delivery:
        make = HOSTS[self.kind].delivery
        assert make is not None, "hosts.py does not say how this host calls us"
        return make(stand)

    def test_subscribing_twice_subscribes_once(self, host: Host) -> None:
        sender = able(host, SendsWebhooks)
        wanted = sender.wanted_subscriptions(URL)
        for each in (*wanted, *wanted):
            sender.subscribe(each)
        found = list(sender.subscriptions(URL))
        assert sorted((each.url, each.kind) for each in found) == sorted(
            (each.url, each.kind) for each in wanted
        )
        assert bool(wanted) is sender.registers_webhooks
        assert list(sender.subscriptions("https://other.example/x")) == []

    def test_unsubscribing_twice_is_harmless(self, host: Host) -> None:
        sender = able(host, SendsWebhooks)
        for wanted in sender.wanted_subscriptions(URL):
            sender.subscribe(wanted)
        for present in list(sender.subscriptions(URL)):
            sender.unsubscribe(present)
            sender.unsubscribe(present)
        assert list(sender.subscriptions(URL)) == []

    def test_what_was_switched_off_is_repaired(self, stand: HostStand, host: Host) -> None:
        sender = able(host, SendsWebhooks)
        if not sender.registers_webhooks:
            pytest.skip("this host keeps no register")
        for wanted in sender.wanted_subscriptions(URL):
            sender.subscribe(wanted)
        assert stand.emulator.occur(Happening("callback-off")) is not None
        off = list(sender.subscriptions(URL))
        assert not any(each.active for each in off)
        for each in off:
            sender.repair(each)
        assert all(each.active for each in sender.subscriptions(URL))

    @pytest.fixture
    def sender(self, stand: HostStand, delivery: Delivery) -> SendsWebhooks:
        """Give an adapter that was made after the host was set up to call us."""
        return able(stand.made(), SendsWebhooks)

    def test_a_genuine_delivery_is_proved_and_read(
        self, sender: SendsWebhooks, delivery: Delivery
    ) -> None:
        sender.prove(delivery)
        assert sender.can_prove_offline(delivery)
        event = sender.read(delivery)
        assert event.entity_id

    def test_a_changed_byte_is_forged(self, sender: SendsWebhooks, delivery: Delivery) -> None:
        body = delivery.body
        for at in range(0, len(body), max(1, len(body) // 40)):
            changed = bytes([*body[:at], body[at] ^ 1, *body[at + 1 :]])
            error = error_of(lambda each=changed: sender.prove(replace(delivery, body=each)))  # type: ignore[misc]
            assert isinstance(error, ForgedError), at
            assert error.message

    def test_a_delivery_without_its_headers_is_forged_without_a_call(
        self, stand: HostStand, sender: SendsWebhooks, delivery: Delivery
    ) -> None:
        bare = replace(delivery, headers=())
        stand.emulator.add_fault("refuse", times=1000)
        assert sender.can_prove_offline(bare)
        assert isinstance(error_of(lambda: sender.prove(bare)), ForgedError)
        stand.emulator.faults.clear()

    def test_another_connection_does_not_believe_it(self, delivery: Delivery) -> None:
        other = HOSTS[self.kind].stand(small_world(seed=8))
        secrets = {each.name: "another-secret" for each in other.adapter.fields if each.secret}
        sender = able(other.made(**secrets), SendsWebhooks)
        error_of(lambda: sender.prove(delivery))

    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"[]", b"{}", b"{", b"7", b'"x"', b"\xff\xfe", b"[" * 100_000, b"<x/>"],
    )
    def test_garbage_is_one_of_our_errors(self, host: Host, body: bytes) -> None:
        sender = able(host, SendsWebhooks)
        delivery = Delivery(body, (("x-content-signature", "A" * 43 + "="),))
        assert isinstance(error_of(lambda: sender.prove(delivery)), ForgedError)
        assert isinstance(error_of(lambda: sender.read(delivery)), AnswerError | ForgedError)


class ScriptPromises(HostSuite):
    """OffersScripts."""

    def test_every_event_has_a_script_that_names_our_address_and_no_secret(
        self, stand: HostStand
    ) -> None:
        offer = able(stand.made(webhook_secret=SECRET), OffersScripts)
        computer = next(iter(able(stand.made(), ListsComputers).computers())).id
        assert offer.script_events()
        for event in offer.script_events():
            for where in ("", computer):
                text = offer.script_text(event.value, PLAIN_URL, where)
                assert PLAIN_URL in text
                assert SECRET not in text
                assert offer.computer_secret(computer) not in text

    def test_each_computer_has_a_secret_of_its_own(self, stand: HostStand) -> None:
        offer = able(stand.made(webhook_secret=SECRET), OffersScripts)
        computers = list(able(stand.made(), ListsComputers).computers())
        secrets = {offer.computer_secret(computer.id) for computer in computers}
        assert len(secrets) == len(computers)
        assert SECRET not in secrets


class PagePromises(HostSuite):
    """PlacesPages."""

    def test_a_page_is_placed_once_and_removed_twice(self, host: Host) -> None:
        placer = able(host, PlacesPages)
        screen = placer.screens()[0]
        url = "https://bridgehead.example/embed/x"
        wanted = Placement(HOSTS[self.kind].page, screen.value, "Security", url)
        placed = placer.place(wanted)
        assert placed.id
        assert placer.place(wanted) == placed
        assert list(placer.placements(url)) == [placed]
        assert list(placer.placements("https://other.example/")) == []
        if not placer.removes_pages:
            with pytest.raises(RuleError):
                placer.remove_placement(placed)
            return
        for _ in range(2):
            placer.remove_placement(placed)
        assert list(placer.placements(url)) == []


class MemberPromises(HostSuite):
    """ProvesMembers."""

    def test_only_a_whole_genuine_claim_is_believed(self, stand: HostStand, host: Host) -> None:
        prover = able(host, ProvesMembers)
        make = HOSTS[self.kind].claim
        assert make is not None, "hosts.py does not say how a member signs in there"
        claim = make(stand)
        member = prover.prove_member(claim)
        assert member.id
        assert member.name
        for forged in (
            replace(claim, company_id="other"),
            replace(claim, member_id="mbrown"),
            replace(claim, member_hash="made-up"),
            replace(claim, member_id=HOSTILE),
            replace(claim, member_hash=""),
        ):
            error = error_of(lambda each=forged: prover.prove_member(each))  # type: ignore[misc]
            assert isinstance(error, ForgedError)
            assert claim.member_hash not in str(error)


SUITES: dict[type, type[HostSuite]] = {
    Host: HostPromises,
    ListsComputers: ComputerPromises,
    ListsGroups: GroupPromises,
    OpensTickets: TicketPromises,
    BillsUsage: BillingPromises,
    KeepsConfigurations: ConfigurationPromises,
    KeepsExtraFields: ExtraFieldPromises,
    RunsCommands: CommandPromises,
    RunsScripts: OwnScriptPromises,
    ListsAlerts: AlertPromises,
    SendsWebhooks: WebhookPromises,
    OffersScripts: ScriptPromises,
    PlacesPages: PagePromises,
    ProvesMembers: MemberPromises,
}


def host_contract(kind: str) -> type[HostSuite]:
    """Return the suite for a host: the promises of every ability its class declares."""
    COVERED.add(kind)
    declared = [
        each
        for each in HOSTS[kind].adapter.__mro__
        if each.__module__.startswith(contracts.__name__) and each is not contracts.Adapter
    ]
    assert all(inspect.isabstract(each) for each in declared)
    bases = tuple(SUITES[ability] for ability in declared)
    return type(f"Promises of {kind}", bases, {"kind": kind, "renews": HOSTS[kind].renews})
