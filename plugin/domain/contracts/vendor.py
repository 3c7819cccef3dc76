"""What a security vendor's adapter promises, and what it may offer beyond that."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import ClassVar

from plugin.domain.contracts.adapter import (
    Adapter,
    Scope,
)
from plugin.domain.figures import Fact
from plugin.domain.model import (
    ActionKind,
    ActionProgress,
    ActionTarget,
    Administrator,
    CustomerPair,
    Detection,
    Device,
    Group,
    KeptIntegration,
    Licence,
    Page,
    UsageLine,
    Workspace,
)


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
