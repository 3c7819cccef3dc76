"""What a host's adapter promises, and what it may offer beyond that."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from plugin.domain.contracts.adapter import (
    Adapter,
    Field,
)
from plugin.domain.errors import RuleError
from plugin.domain.model import (
    ActionProgress,
    Agreement,
    AgreementLine,
    Choice,
    Company,
    Computer,
    Configuration,
    Delivery,
    ExtraField,
    HostEvent,
    Member,
    MemberClaim,
    Placement,
    Product,
    Subscription,
    TicketDraft,
    TicketRef,
    TicketView,
)


class Host(Adapter):
    """A PSA or RMM: it has client companies."""

    edited_in_integration: ClassVar[bool] = False
    """True where the vendors' manuals edit the connection's fields inside Integration Settings."""

    @abstractmethod
    def companies(self) -> Iterator[Company]:
        """Yield every client company, inactive ones too, each once."""


class ListsComputers(ABC):
    """Knows the managed computers and which of them hold the bridge role."""

    @abstractmethod
    def computers(self) -> Iterator[Computer]:
        """Yield every computer, each once; ``is_bridge`` and ``roles`` are filled in."""


class OpensTickets(ABC):
    """Keeps tickets. ``key`` is ours: written into the record so that sending twice is harmless."""

    summary_limit: ClassVar[int]
    ticket_fields: ClassVar[tuple[Field, ...]]
    """The routing words a rule can set (board, status, type, priority …), by name."""

    @abstractmethod
    def ticket_choices(self, field: str) -> tuple[Choice, ...]:
        """Return the words the host allows for one of ``ticket_fields``."""

    @abstractmethod
    def find_ticket(self, key: str) -> TicketView | None:
        """Return the newest ticket that carries ``key``, or None."""

    @abstractmethod
    def open_ticket(self, draft: TicketDraft, key: str) -> TicketRef:
        """Create the ticket with ``key`` in its record; the caller has looked for it before."""

    @abstractmethod
    def ticket(self, ticket_id: str) -> TicketView:
        """Return the ticket as it is now; MissingError when the host has none."""

    @abstractmethod
    def add_note(self, ticket_id: str, text: str, marker: str) -> None:
        """Append a note; ``marker`` stands in its text and makes a second send harmless."""

    @abstractmethod
    def close_ticket(self, ticket_id: str, resolution: str, status: str) -> None:
        """Close the ticket with ``status`` (or the host's default closed one when empty)."""

    @abstractmethod
    def reopen_ticket(self, ticket_id: str, note: str, status: str) -> None:
        """Open a closed ticket again with ``status`` (or the host's default new one)."""

    @abstractmethod
    def tickets_changed(self, since: datetime) -> Iterator[TicketView]:
        """Yield our tickets (those with a key) that changed at or after ``since``."""


class BillsUsage(ABC):
    """Has agreements whose lines can be read and, after approval, changed."""

    @property
    def writes_charges(self) -> bool:
        """Whether lines can be written now; False where approved changes can only be exported.

        An adapter may have to ask the remote: an EdgeError when that fails.
        """
        return True

    @abstractmethod
    def agreements(self, company_id: str) -> Iterator[Agreement]:
        """Yield the agreements of a company, ended ones too."""

    @abstractmethod
    def agreement_lines(self, agreement_id: str) -> Iterator[AgreementLine]:
        """Yield what is billed now."""

    @abstractmethod
    def products(self, search: str) -> Iterator[Product]:
        """Yield products whose name or identifier contains ``search`` (all when empty)."""

    @abstractmethod
    def set_quantity(
        self, line: AgreementLine, quantity: Decimal, effective_on: date | None
    ) -> AgreementLine:
        """Write the quantity, read it back and return the line as the host has it now."""

    @abstractmethod
    def add_line(
        self, agreement_id: str, product_id: str, quantity: Decimal, effective_on: date | None
    ) -> AgreementLine:
        """Create a line, read it back and return it."""


class KeepsConfigurations(ABC):
    """Keeps device records."""

    @abstractmethod
    def find_configuration(self, company_id: str, device_identifier: str) -> Configuration | None:
        """Return the record that carries our device identifier, or None."""

    @abstractmethod
    def configurations(self, company_id: str) -> Iterator[Configuration]:
        """Yield the device records of a company."""

    @abstractmethod
    def save_configuration(self, wanted: Configuration) -> Configuration:
        """Create (empty id) or change the record, and return it as read back."""


class KeepsExtraFields(ABC):
    """Has fields of the MSP's own on its records of computers (or of configurations)."""

    @abstractmethod
    def extra_fields(self, computer_id: str) -> tuple[ExtraField, ...]:
        """Return the fields of a computer with their values; every computer has the same ones."""

    @abstractmethod
    def set_extra_field(self, computer_id: str, field_id: str, value: str) -> ExtraField:
        """Write one field and return it as read back; it is never sent twice.

        RuleError when the field cannot hold ``value``; TransientError when it is unclear whether
        it was written.
        """


class RunsCommands(ABC):
    """Runs something on a managed computer."""

    @abstractmethod
    def run_command(self, computer_id: str, command: str) -> str:
        """Queue a shell command and return a reference."""

    @abstractmethod
    def command_progress(self, reference: str) -> ActionProgress:
        """Tell how far the command is; ``detail`` is its output."""


class RunsScripts(ABC):
    """Runs scripts that the MSP keeps in the host."""

    @abstractmethod
    def scripts(self, search: str) -> Iterator[Choice]:
        """Yield the scripts whose name contains ``search`` (all when empty)."""

    @abstractmethod
    def run_script(
        self, script_id: str, computer_ids: tuple[str, ...], parameters: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Start a script on these computers now; return the computers the host would not take."""


class ListsAlerts(ABC):
    """Keeps alerts of its own that can be asked for, which heals calls that never came."""

    @abstractmethod
    def alerts(self, since: datetime) -> Iterator[HostEvent]:
        """Yield what was raised at or after ``since``, in the shape of a webhook's event."""


class SendsWebhooks(ABC):
    """Calls us. What arrives is proved before it has any effect."""

    registers_webhooks: ClassVar[bool] = True
    """False where the host has no register and a script on it calls us instead."""

    @abstractmethod
    def wanted_subscriptions(self, url: str) -> tuple[Subscription, ...]:
        """Return what should be registered so that calls come to ``url`` (our address)."""

    @abstractmethod
    def subscriptions(self, url: str) -> Iterator[Subscription]:
        """Yield the registered callbacks that point at our installation's origin."""

    @abstractmethod
    def subscribe(self, wanted: Subscription) -> None:
        """Register one callback; harmless when the same exists."""

    @abstractmethod
    def unsubscribe(self, present: Subscription) -> None:
        """Remove one callback; harmless when it is gone."""

    @abstractmethod
    def repair(self, present: Subscription) -> None:
        """Switch a callback on again that the host has switched off."""

    @abstractmethod
    def prove(self, delivery: Delivery) -> None:
        """Raise ForgedError unless these very bytes are the host's own."""

    @abstractmethod
    def can_prove_offline(self, delivery: Delivery) -> bool:
        """Tell whether ``prove`` would need no network for this delivery."""

    @abstractmethod
    def read(self, delivery: Delivery) -> HostEvent:
        """Say what a proven delivery means; unknown kinds are UNKNOWN, not an error."""

    def save_unchanged(self, ticket_id: str) -> None:
        """Save one of our tickets as it is, so that the host calls us; for a test call.

        RuleError where the host cannot be made to call that way.
        """
        raise RuleError("connection", "this system cannot be made to call")

    def proof_keys(self) -> dict[str, str]:
        """Return what was fetched to prove calls, for the other processes of the installation.

        Names and values are the host's own affair; empty where proving needs no fetching.
        """
        return {}

    def learn_proof_keys(self, keys: Mapping[str, str]) -> None:  # noqa: B027 - most need none
        """Take in what another process of the installation told by :meth:`proof_keys`."""


class OffersScripts(ABC):
    """Calls us by a script that a person puts into it; the text is made here, ready to paste."""

    @abstractmethod
    def script_events(self) -> tuple[Choice, ...]:
        """Return the events a script can be made for."""

    @abstractmethod
    def script_text(self, event: str, url: str, computer_id: str) -> str:
        """Return the script that reports ``event`` to ``url``.

        ``computer_id`` names the computer whose own secret it will be given; empty means the
        host's server, which alone may hold the connection's secret. The text holds no secret.
        """

    @abstractmethod
    def computer_secret(self, computer_id: str) -> str:
        """Return the secret of one computer, to be given to the script there."""


class PlacesPages(ABC):
    """Shows pages of ours inside its own screens."""

    removes_pages: ClassVar[bool] = True
    """False where the host has no call that removes one: ``remove_placement`` then raises a
    RuleError that tells a person where to do it, as long as the page is there."""

    record_query: ClassVar[str] = ""
    """The query of an address that opens on a record, with the host's own tokens in it."""

    page_kinds: ClassVar[tuple[Choice, ...]] = ()
    """The kinds of place the host has, by the words that ``place`` takes."""

    @abstractmethod
    def placements(self, url: str) -> Iterator[Placement]:
        """Yield the pages registered for our installation's origin."""

    @abstractmethod
    def place(self, wanted: Placement) -> Placement:
        """Register a page; harmless when the same exists."""

    @abstractmethod
    def remove_placement(self, present: Placement) -> None:
        """Remove a page; harmless when it is gone."""

    @abstractmethod
    def screens(self) -> tuple[Choice, ...]:
        """Return the screens a page can be placed on.

        A screen with a ``parent`` serves that kind of page alone, and that kind has no other.
        """


class ProvesMembers(ABC):
    """Can tell whether the person in its frame is who the page says."""

    @abstractmethod
    def prove_member(self, claim: MemberClaim) -> Member:
        """Return the member, or raise ForgedError when the host does not confirm the claim."""
