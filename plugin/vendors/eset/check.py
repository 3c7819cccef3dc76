"""The connection check of ESET PROTECT: the smallest real calls, in order."""

from collections.abc import Callable, Iterator

from plugin.domain.contracts import WARNING, Rung
from plugin.domain.errors import MissingError, RefusedError, RuleError
from plugin.edge.wire import Wire
from plugin.vendors.eset.connect import Connect
from plugin.vendors.eset.msp import Msp
from plugin.vendors.eset.refusals import CORE, NOTHING_VISIBLE
from plugin.vendors.eset.rights import SIGN_IN
from plugin.vendors.eset.stream import SERVICE
from plugin.vendors.eset.wire import (
    DetectionPageWire,
    DevicePageWire,
    GroupPageWire,
    IncidentPageWire,
)

CLOCK_TOLERANCE = 300
"""Seconds; more than this between two clocks is worth a word."""

Run = Callable[[], str]


class Check:
    """Makes the rungs; the second slot's only where it is filled in."""

    def __init__(self, connect: Connect, msp: Msp | None) -> None:
        """Check through ``connect`` and ``msp``."""
        self._connect, self._msp = connect, msp

    def rungs(self) -> tuple[Rung, ...]:
        """Return the steps, the sign-in first."""
        return tuple(Rung(name, self._guarded(run)) for name, run in self._steps())

    def _steps(self) -> Iterator[tuple[str, Run]]:
        yield SIGN_IN, self._sign_in
        yield "Read groups", self._groups
        yield "Read devices", self._devices
        if not self._connect.on_premises:
            yield "Read detections", self._detections
            yield "Read incidents", self._incidents
        if self._msp is not None:
            yield "Sign in to ESET MSP Administrator", self._sign_in_msp
            yield "Read customers", self._customers

    def _guarded(self, run: Run) -> Run:
        """Let a missing address be a failed step like any other."""

        def guarded() -> str:
            try:
                return run()
            except RuleError as error:
                raise RefusedError(self._connect.who, error.message, code="address") from None

        return guarded

    def _sign_in(self) -> str:
        return _clock("signed in", self._connect.sign_in())

    def _groups(self) -> str:
        seen = self._first(CORE, "/v1/device_groups", GroupPageWire)
        return "groups are visible" if seen else WARNING + NOTHING_VISIBLE

    def _devices(self) -> str:
        if self._first(CORE, "/v1/devices", DevicePageWire):
            return "devices are visible"
        return WARNING + "no device is visible; add static groups All to the permission set"

    def _detections(self) -> str:
        return self._optional("/v1/detections", DetectionPageWire, "detections")

    def _incidents(self) -> str:
        return self._optional("/v2/incidents", IncidentPageWire, "incidents")

    def _optional(self, path: str, wire: type[Wire], what: str) -> str:
        """Look at a list that not every subscription has; to lack it is no failure."""
        try:
            seen = self._first(SERVICE, path, wire)
        except MissingError as error:
            return f"{WARNING}no {what}: it {error.message}; tickets from {what} are not made"
        return f"{what} are visible" if seen else f"{what} can be read; there are none yet"

    def _first(self, service: str, path: str, wire: type[Wire]) -> bool:
        """Tell whether a list shows anything."""
        page = next(self._connect.pages(service, path, wire, {"pageSize": 1}))
        return bool(page["rows"])

    def _sign_in_msp(self) -> str:
        assert self._msp is not None  # noqa: S101 - the step exists with the slot only
        ahead = self._msp.sign_in()
        return _clock(f"signed in for {self._msp.company()['name']}", ahead)

    def _customers(self) -> str:
        assert self._msp is not None  # noqa: S101 - as above
        if next(self._msp.customers(), None):
            return "customers are visible"
        return WARNING + "no customer is visible; give this user read access to the customers"


def _clock(seen: str, ahead: float) -> str:
    """Add a warning when our clock is far from theirs; tokens and windows depend on it."""
    if abs(ahead) <= CLOCK_TOLERANCE:
        return seen
    minutes, which = round(abs(ahead) / 60), "ahead of" if ahead > 0 else "behind"
    return f"{WARNING}{seen}, but this server's clock is {minutes} minutes {which} ESET's; set it"
