"""What every host and vendor adapter promises, and what it may offer beyond that.

An ability is a type: a page asks ``isinstance(host, OpensTickets)`` and an adapter cannot claim
what it does not have. Values of :mod:`plugin.domain.model` cross this border, never dictionaries;
failures are those of :mod:`plugin.domain.errors`, never a library's own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.figures import Fact
from plugin.domain.model import (
    ActionKind,
    ActionProgress,
    ActionTarget,
    Administrator,
    Agreement,
    AgreementLine,
    Choice,
    Company,
    Computer,
    Configuration,
    CustomerPair,
    Delivery,
    Detection,
    Device,
    ExtraField,
    Group,
    HostEvent,
    KeptIntegration,
    Licence,
    Member,
    MemberClaim,
    Page,
    Placement,
    Product,
    Subscription,
    TicketDraft,
    TicketRef,
    TicketView,
    UsageLine,
    Workspace,
)
from plugin.domain.rights import GuideStep, Recipe, Right


class FieldKind(StrEnum):
    """How a field is drawn and checked."""

    TEXT = "text"
    EMAIL = "email"
    SECRET = "secret"  # noqa: S105 - a field kind, not a password
    ADDRESS = "address"
    NUMBER = "number"
    CHOICE = "choice"
    CERTIFICATE = "certificate"
    SWITCH = "switch"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing an administrator types in to connect.

    A field of kind SECRET is sealed at rest, never sent back to a page and never logged.
    ``advanced`` fields stand behind a fold; ``slot`` groups fields of a second credential.
    ``pattern`` is a regular expression the whole value must match, with ``pattern_says`` as the
    text shown when it does not. A ``generated`` secret is made up by the service when it is left
    empty; when it is replaced, the service keeps the former value for a day as ``<name>_old`` with
    its end as ``<name>_old_until`` (ISO 8601) among the settings.
    """

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = True
    choices: tuple[Choice, ...] = ()
    default: str | None = None
    help: str = ""
    advanced: bool = False
    slot: str = ""
    pattern: str = ""
    pattern_says: str = ""
    generated: bool = False

    @property
    def secret(self) -> bool:
        """Whether the value is sealed and never shown."""
        return self.kind is FieldKind.SECRET


@dataclass(frozen=True, slots=True)
class Words:
    """The remote's own labels, so that pages speak as its manual does (singular, lower case)."""

    product: str
    workspace: str = "workspace"
    company: str = "company"
    ticket: str = "ticket"
    agreement: str = "agreement"
    item: str = "product"
    computer: str = "computer"


@dataclass(frozen=True, slots=True)
class Advice:
    """Why a rung of the connection check failed, and what the reader can do about it."""

    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the connection check.

    ``run`` makes the smallest real call and returns what it saw in one sentence. It raises an
    EdgeError when the step fails, or returns a text that starts with ``WARNING`` (the constant
    below) when the call worked but shows nothing useful.
    """

    name: str
    run: Callable[[], str]


WARNING = "warning: "


class Scope(StrEnum):
    """What one cursor covers."""

    CONNECTION = "connection"
    WORKSPACE = "workspace"


class Adapter(ABC):
    """The duty of every adapter; ``kind`` begins with its folder's name."""

    kind: ClassVar[str]
    title: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    words: ClassVar[Words]
    notice: ClassVar[str] = ""
    """A sentence shown before the form, where a person must know something first."""

    submit: ClassVar[str] = "Continue"
    """What the vendor's own plug-in calls the button that sends the form."""

    guide: ClassVar[tuple[str, ...]] = ()
    """Numbered steps that make the dedicated API user, shown beside the form."""

    recipes: ClassVar[tuple[GuideStep, ...]] = ()
    """The same steps with what proves each, where the self-test can mark them done or not."""

    name_label: ClassVar[str] = "Connection name"
    """What the vendor's own plug-in calls the name that a person gives a connection."""

    menu_path: ClassVar[tuple[str, ...]] = ()
    """Where the vendor's own plug-in has this form, the menu's words from the top."""

    environments: ClassVar[bool] = False
    """Whether the remote has servers per environment (``KESCloudServer`` concerns it)."""

    @classmethod
    def validate(cls, settings: Mapping[str, str]) -> tuple[RuleError, ...]:
        """Return what is wrong with ``settings`` beyond each field's own rule, before any call."""
        return ()

    @classmethod
    def certificate_server(cls, settings: Mapping[str, str]) -> str:
        """Return the https address whose certificate may be pinned; empty where there is none."""
        return ""

    @abstractmethod
    def rungs(self) -> tuple[Rung, ...]:
        """Return the connection check's steps in order, the cheapest authenticated call first."""

    def advice(self, rung: str, error: EdgeError) -> Advice | None:
        """Return cause and cure of a failed rung in the reader's words, or None for the default."""
        return None

    def rights(self) -> tuple[Right, ...]:
        """Return every right that the remote's account needs, for the permission self-test.

        Trying them writes nothing at the remote, and each takes a few calls at most.
        """
        return ()

    @classmethod
    def recipe(cls, settings: Mapping[str, str]) -> Recipe:
        """Return which of the guide's recipes a connection with these settings follows."""
        return Recipe.WITH_ACTIONS


class Vendor(Adapter):
    """A security back end: it has workspaces with devices in them."""

    scope: ClassVar[Scope]
    conditions: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What a person reads for the stable words in ``Device.conditions``, for rules and tickets."""
    untold: ClassVar[frozenset[Fact]] = frozenset()
    """What this vendor tells of no device, so that charts say so instead of counting it as bad."""

    @abstractmethod
    def workspaces(self) -> Iterator[Workspace]:
        """Yield every workspace this account can see, each once."""

    @abstractmethod
    def devices(self, workspace_id: str, cursor: str | None) -> Iterator[Page[Device]]:
        """Yield devices page by page.

        ``cursor`` None asks for a full listing (its last page says ``complete``); a stored cursor
        asks for changes where the vendor offers them. ``workspace_id`` is empty when the adapter's
        scope is CONNECTION, and every row names its own workspace. A cursor too old for the
        vendor gives a full listing whose pages are not ``complete``.
        """


class FindsDetections(ABC):
    """Reports detections or events."""

    @abstractmethod
    def detections(
        self, workspace_id: str, cursor: str | None, since: datetime
    ) -> Iterator[Page[Detection]]:
        """Yield what happened after ``cursor``, oldest first, never before ``since``."""


class ReportsLicences(ABC):
    """Lists keys and subscriptions."""

    @abstractmethod
    def licences(self, workspace_id: str) -> Iterator[Licence]:
        """Yield the licences of a workspace (of all when empty and the scope is CONNECTION)."""


class ReportsUsage(ABC):
    """Counts what is in use, for billing."""

    @abstractmethod
    def usage(self, workspace_id: str, day: date) -> Iterator[UsageLine]:
        """Yield the counted quantities of a workspace on ``day``."""


class JoinsCustomers(ABC):
    """Bills by a second list of clients, which only a person can join to its workspaces.

    Confirmed pairs stand in the connection's setting ``pairs_field``, one ``workspace=customer``
    per line; a customer in none is a workspace of its own, so that nothing goes unbilled.
    """

    pairs_field: ClassVar[str]
    pairs_words: ClassVar[tuple[str, str]]
    """What a person calls the two: the workspace first, then the customer (singular)."""

    @abstractmethod
    def propose_pairs(self) -> tuple[CustomerPair, ...]:
        """Return proposals for what is not joined yet, the surest first; they change nothing."""


class ListsGroups(ABC):
    """Has static and dynamic groups."""

    @abstractmethod
    def groups(self) -> Iterator[Group]:
        """Yield every group this account can see."""

    @abstractmethod
    def members(self, group_id: str) -> Iterator[str]:
        """Yield the ids of the devices that are in the group now."""


class ListsWorkspaceGroups(ABC):
    """Has groups that are asked for one workspace at a time."""

    @abstractmethod
    def workspace_groups(self, workspace_id: str) -> Iterator[Group]:
        """Yield every group of a workspace that this account can see."""


class ManagesAdministrators(ABC):
    """Knows who may manage an integration at the vendor."""

    account_field: ClassVar[str]
    """The field that holds the e-mail address of the connection's own user."""

    administered_hosts: ClassVar[frozenset[str]] = frozenset()
    """Kinds of host whose integrations start only with a workspace and an administrator."""

    @abstractmethod
    def known(self, email: str) -> bool:
        """Tell whether a user with this address is registered at the vendor."""

    @abstractmethod
    def grant(self, integration_id: str, administrators: tuple[Administrator, ...]) -> None:
        """Let these users manage the integration and its workspaces (harmless when they may).

        RuleError on the field ``administrators`` when one of them is not registered.
        """

    @abstractmethod
    def revoke(self, integration_id: str, administrators: tuple[Administrator, ...]) -> None:
        """End these users' rights on the integration and its workspaces.

        RuleError on the field ``administrators`` when nobody would be left.
        """


class KeepsIntegrations(ABC):
    """Keeps a record of the integration itself and gives it an id (Kaspersky's cloud).

    A workspace belongs to at most one integration per platform; a RuleError on the field
    ``workspaces`` names the integration that has it.
    """

    @abstractmethod
    def integration(self, integration_id: str) -> KeptIntegration:
        """Return the vendor's record as it is now; MissingError when there is none."""

    @abstractmethod
    def create_integration(
        self, platform: str, name: str, workspaces: tuple[str, ...], reference: str
    ) -> str:
        """Register an integration and return the vendor's integration ID.

        ``platform`` is the kind of the host; ``reference`` is ours and makes a second call for
        the same integration harmless.
        """

    @abstractmethod
    def update_integration(
        self, integration_id: str, name: str, workspaces: tuple[str, ...]
    ) -> None:
        """Make the vendor's record say this name and exactly these workspaces."""

    @abstractmethod
    def delete_integration(self, integration_id: str) -> None:
        """Unbind the workspaces and remove the record (harmless when it is gone).

        Workspaces remain, administrators keep them, and the vendor tells every administrator.
        """


class ResolvesDetections(ABC):
    """Lets a detection be marked as dealt with."""

    @abstractmethod
    def resolve(self, detection_id: str, note: str) -> None:
        """Mark the detection as resolved at the vendor."""


class RunsActions(ABC):
    """Starts work on devices."""

    actions: ClassVar[frozenset[ActionKind]]

    whole: ClassVar[frozenset[ActionKind]] = frozenset()
    """Those that are left to one task of the vendor's own when a whole workspace is meant.

    Such a task reaches whatever is in the workspace then, so what cuts people off is not here:
    it is done on exactly the devices that a person has confirmed.
    """

    @classmethod
    def permitted(cls, settings: Mapping[str, str]) -> frozenset[ActionKind]:
        """Return the actions that a connection with these settings is meant to start."""
        return cls.actions

    @abstractmethod
    def start(self, action: ActionKind, target: ActionTarget) -> str:
        """Start the action and return a reference by which its progress can be asked."""

    @abstractmethod
    def started(self, action: ActionKind, target: ActionTarget, since: datetime) -> Iterator[str]:
        """Yield references of what was started so, by this account, at or after ``since``.

        Asked when the answer to :meth:`start` was lost, so that nothing is started twice. A vendor
        that returns what is under way when asked to start it again has nothing to yield.
        """

    @abstractmethod
    def progress(self, reference: str) -> ActionProgress:
        """Tell how far an action is."""


class MakesInstallers(ABC):
    """Gives a link from which a device can be enrolled."""

    installer_arguments: ClassVar[str] = ""
    """With what the installer runs without questions; empty where that is not known."""

    installer_signer: ClassVar[str] = ""
    """Whose name stands in the signature of the installer; empty where that is not known."""

    @abstractmethod
    def installer(self, workspace_id: str, group_id: str) -> str:
        """Return the address of an installer for the group (or the workspace's default)."""


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
