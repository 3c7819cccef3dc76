"""The rights that ESET's users need, each proven by a reading where one can prove it.

From the vendor's help: reading needs Read on groups and computers and a permission set whose static
groups cover the clients; a task needs write. A service answers 403 to every fault of the user, so
only a refusal that is sure to speak of a right counts as its absence.
"""

from collections.abc import Callable, Iterator

from plugin.domain.contracts import WARNING
from plugin.domain.errors import MissingError, RefusedError
from plugin.domain.rights import Access, Right
from plugin.edge.wire import Wire
from plugin.vendors.eset.connect import Connect
from plugin.vendors.eset.msp import Msp
from plugin.vendors.eset.refusals import ADVICE, CORE, NOTHING_VISIBLE
from plugin.vendors.eset.stream import SERVICE
from plugin.vendors.eset.wire import (
    DetectionPageWire,
    DevicePageWire,
    GroupPageWire,
    IncidentPageWire,
    InstallerPageWire,
    TaskPageWire,
)

SIGN_IN = "Sign in to ESET PROTECT"
INTEGRATIONS = "Integrations (Access Rights)"
COMPUTERS = "Permission set: Groups & Computers, Read"
SCOPE = "Permission set: static groups All"
DETECTIONS, INCIDENTS = "Detections, Read", "Incidents, Read"
TASKS, INSTALLERS = "Tasks, Read", "Installers, Read"
WRITE = "My Company: Write, and full functionality in the permission set"
MSP_API, CUSTOMERS = "MSP Administrator: API access", "MSP Administrator: Read on the customers"

_SET = (
    "In PROTECT open More > Permission Sets, take one with static groups All, and assign it to "
    "this user; access Custom gives no rights until one is assigned."
)
_WITHIN = "In PROTECT open More > Permission Sets and let this user's set read it."
_MODULE_UNSURE = "ESET does not tell a missing right from a part that was not bought."


class Rights:
    """Makes the list; what the connection does not use needs no right."""

    def __init__(self, connect: Connect, msp: Msp | None, *, acts: bool) -> None:
        """Try rights through ``connect`` and ``msp``; ``acts`` asks for those of actions too."""
        self._connect, self._msp, self._acts = connect, msp, acts

    def all(self) -> Iterator[Right]:
        """Yield the rights in the order of the guide."""
        cloud = not self._connect.on_premises
        if cloud:
            yield self._integrations()
        yield from self._core()
        if cloud:
            yield from self._findings()
        if self._acts:
            yield from self._acting(cloud=cloud)
        if self._msp is not None:
            yield from _msp_rights(self._msp)

    def _integrations(self) -> Right:
        return Right(
            INTEGRATIONS,
            Access.READ,
            needed_for="Every call of ESET Connect.",
            without="Nothing of ESET PROTECT can be read.",
            cure=ADVICE["integrations"].cure,
            prove=self._prove_integrations,
            after=SIGN_IN,
        )

    def _core(self) -> Iterator[Right]:
        yield Right(
            COMPUTERS,
            Access.READ,
            needed_for="Devices with their state, and the customers they belong to.",
            without="No device is shown, and no usage of devices is counted.",
            cure=_SET,
            prove=self._prove_computers,
            after=SIGN_IN,
        )
        yield Right(
            SCOPE,
            Access.READ,
            needed_for="Seeing the groups, and in them the devices, of every customer.",
            without="Customers outside the groups of the set stay empty, without any error.",
            cure=f"{_SET} Right after connecting, PROTECT may take some minutes to show them.",
            prove=self._prove_scope,
            after=SIGN_IN,
        )

    def _findings(self) -> Iterator[Right]:
        lists: tuple[tuple[str, str, type[Wire]], ...] = (
            (DETECTIONS, "/v1/detections", DetectionPageWire),
            (INCIDENTS, "/v2/incidents", IncidentPageWire),
        )
        for name, path, wire in lists:
            what = name.partition(",")[0].lower()
            yield Right(
                name,
                Access.READ,
                needed_for=f"Tickets made from {what}, and {what} on a device's page.",
                without=f"No ticket is made from {what}.",
                cure=_WITHIN,
                prove=self._reading(SERVICE, path, wire),
                after=SIGN_IN,
            )

    def _acting(self, *, cloud: bool) -> Iterator[Right]:
        yield Right(
            TASKS,
            Access.READ,
            needed_for="Telling how far a scan, an isolation or a restart is.",
            without="Actions cannot be followed.",
            cure=_WITHIN,
            prove=self._reading("automation", "/v1/device_tasks", TaskPageWire),
            after=SIGN_IN,
        )
        if cloud:
            yield Right(
                INSTALLERS,
                Access.READ,
                needed_for="The installer link of a group.",
                without="No installer link is shown.",
                cure=_WITHIN,
                prove=self._reading("installer-management", "/v1/installers", InstallerPageWire),
                after=SIGN_IN,
            )
        yield Right(
            WRITE,
            Access.WRITE,
            needed_for="Starting actions, closing detections and incidents, making installers.",
            without="Actions are refused; everything that only reads goes on.",
            cure=ADVICE["read_only"].cure,
            unproven="Cannot be checked: only a real task would try it, and it would run.",
        )

    # -- proofs --------------------------------------------------------------------------------

    def _prove_integrations(self) -> str:
        """Look at the groups: only this refusal says in words that the switch is off."""
        try:
            self._first(CORE, "/v1/device_groups", GroupPageWire)
        except RefusedError as error:
            if error.code == "integrations":
                raise
            return f"{WARNING}{error.message}; ESET does not say which right it is about"
        return "the interface answers this user"

    def _prove_computers(self) -> str:
        try:
            seen = self._first(CORE, "/v1/devices", DevicePageWire)
        except RefusedError as error:
            if error.code == "permission_set":
                raise
            return _unclear(error)
        return "devices are visible" if seen else "devices can be read; none is visible"

    def _prove_scope(self) -> str:
        """Look at the groups: every PROTECT has some, and shows none to a set without scope."""
        try:
            seen = self._first(CORE, "/v1/device_groups", GroupPageWire)
        except RefusedError as error:
            return _unclear(error)
        if not seen:
            raise RefusedError(self._connect.who, NOTHING_VISIBLE, code="scope")
        return "groups are visible; whether these are all of them, only you can tell"

    def _reading(self, service: str, path: str, wire: type[Wire]) -> Callable[[], str]:
        def prove() -> str:
            try:
                self._first(service, path, wire)
            except RefusedError as error:
                return _unclear(error)
            except MissingError as error:
                return f"{WARNING}it {error.message}. {_MODULE_UNSURE}"
            return "the list can be read"

        return prove

    def _first(self, service: str, path: str, wire: type[Wire]) -> bool:
        return bool(next(self._connect.pages(service, path, wire, {"pageSize": 1}))["rows"])


def _msp_rights(msp: Msp) -> Iterator[Right]:
    def access() -> str:
        try:
            msp.company()
        except RefusedError as error:
            if error.code == "msp_access":
                raise
            return _unclear(error)
        return "the interface answers this user"

    def customers() -> str:
        try:
            seen = next(msp.customers(), None)
        except RefusedError as error:
            return _unclear(error)
        nothing = f"{WARNING}no customer is visible; either there is none, or none may be read"
        return "customers are visible" if seen else nothing

    yield Right(
        MSP_API,
        Access.READ,
        needed_for="Customers, licences and usage.",
        without="Nothing can be billed from MSP Administrator.",
        cure=ADVICE["msp_access"].cure,
        prove=access,
        after=SIGN_IN,
        unsure="ESET's pages differ on whether every user has it by default.",
    )
    yield Right(
        CUSTOMERS,
        Access.READ,
        needed_for="Licences and usage of each customer.",
        without="A customer that may not be read is not billed.",
        cure="In MSP Administrator give this user Read on your company; it goes down to customers.",
        prove=customers,
        after=SIGN_IN,
    )


def _unclear(error: RefusedError) -> str:
    return f"{WARNING}{error.message}, so nothing can be told about this right"
