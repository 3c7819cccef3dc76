"""Matches a vendor's devices to the host's computers; doubts are listed for a person.

A look is asked for once and comes back daily. It reads the host and writes here only.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from plugin.domain.contracts import Host, KeepsConfigurations, ListsComputers
from plugin.domain.device_matching import Machine, Match, match
from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.services import host_writing
from plugin.services.journal import audit
from plugin.services.lists import Ask, Listing
from plugin.store.base import db, writing
from plugin.store.device_matching import DeviceMatch, MatchState
from plugin.store.integrations import CompanyMapping, Integration, MappingState, WorkspaceLink
from plugin.store.mirror import DeviceRow
from plugin.store.queue import Claim, enqueue
from plugin.store.work import Job

LOOK = "match"
ASLEEP = timedelta(hours=1)


def matches(runtime: Runtime, integration: Integration) -> bool:
    """Tell whether this host knows computers that devices can be matched to."""
    kind = runtime.adapters.get(integration.host.kind)
    return kind is not None and issubclass(kind, ListsComputers | KeepsConfigurations)


def ask(runtime: Runtime, actor: str, integration: Integration) -> None:
    """Have the devices matched now, and daily from then on."""
    if not matches(runtime, integration):
        raise RuleError("integration", "this host knows no computers to match devices to")
    lane = f"{LOOK}:{integration.host_id}"
    with writing() as session:
        moment, number = runtime.now(), str(integration.id)
        host_id = integration.host_id
        enqueue(session, LOOK, number, lane, now=moment, connection_id=host_id, revive=True)
        audit(runtime, session, actor, "device.match", integration.name)
    runtime.wake(lane)


def looked(integration: Integration) -> bool:
    """Tell whether matching was asked for ever."""
    query = select(Job.id).where(Job.kind == LOOK, Job.subject == str(integration.id))
    return db.session.scalar(query) is not None


def work(runtime: Runtime, claim: Claim) -> datetime | None:
    """Match the devices of every mapped workspace of an integration."""
    integration = db.session.get(Integration, int(claim.subject))
    if integration is None or integration.deleted_at is not None:
        return None
    if not (runtime.is_active(integration.host) and runtime.is_active(integration.vendor)):
        return runtime.now() + ASLEEP
    sides = integration.vendor_id, integration.host_id
    mapped = _mapped(integration)
    host = runtime.host(integration.host)
    db.session.commit()
    computers = _by_company(host, {company for _, company in mapped}, claim)
    for workspace_id, company_id in mapped:
        claim.renew()
        with writing() as session:
            _Room(session, *sides, workspace_id, runtime.now()).settle(computers[company_id])
    host_writing.devices_changed(runtime, sides[1])
    return runtime.now() + timedelta(seconds=runtime.settings.limits.sync.reconcile)


def _mapped(integration: Integration) -> list[tuple[str, str]]:
    """Return the workspaces served and the companies they belong to."""
    query = (
        select(CompanyMapping.workspace_id, CompanyMapping.company_id)
        .join(
            WorkspaceLink,
            (WorkspaceLink.workspace_id == CompanyMapping.workspace_id)
            & (WorkspaceLink.vendor_id == CompanyMapping.vendor_id),
        )
        .where(
            WorkspaceLink.integration_id == integration.id,
            CompanyMapping.host_id == integration.host_id,
            CompanyMapping.state == MappingState.MAPPED,
        )
        .order_by(CompanyMapping.workspace_id)
    )
    return [(workspace, company) for workspace, company in db.session.execute(query)]


def _by_company(host: Host, companies: set[str], claim: Claim) -> dict[str, list[Machine]]:
    """Ask the host for its computers: all in one list, or company by company."""
    found: dict[str, list[Machine]] = defaultdict(list)
    if isinstance(host, ListsComputers):
        for number, computer in enumerate(host.computers()):
            if number % 200 == 0:
                claim.renew()
            if computer.company_id in companies:
                machine = Machine(computer.id, computer.name, computer.serial, computer.macs)
                found[computer.company_id].append(machine)
    elif isinstance(host, KeepsConfigurations):
        for company in sorted(companies):
            claim.renew()
            found[company] = [
                Machine(each.id, each.name, each.serial, each.macs)
                for each in host.configurations(company)
            ]
    return found


class _Room:
    """One workspace and what is known of its devices' computers."""

    def __init__(
        self, session: Session, vendor_id: int, host_id: int, workspace_id: str, now: datetime
    ) -> None:
        self.session, self.now = session, now
        self.vendor_id, self.host_id, self.workspace_id = vendor_id, host_id, workspace_id
        rows = session.scalars(_rows(vendor_id, host_id, workspace_id))
        self.held = {each.device_id: each for each in rows}

    def settle(self, computers: Sequence[Machine]) -> None:
        """Decide, and write only what changed."""
        devices = {each.id: each for each in self._devices()}
        settled = {
            each.device_id: each.computer_id
            for each in self.held.values()
            if each.state == MatchState.CONFIRMED and each.device_id in devices
        }
        refused = {each.device_id: each.refused for each in self.held.values()}
        decided = match(list(devices.values()), computers, settled, refused)
        names = {each.id: each.name for each in computers}
        for each in decided:
            self._write(each, devices[each.device_id].name, names)
        self._forget(set(devices), {each.device_id for each in decided} | settled.keys())

    def _devices(self) -> Iterator[Machine]:
        query = select(DeviceRow.device_id, DeviceRow.name, DeviceRow.serial, DeviceRow.macs).where(
            DeviceRow.vendor_id == self.vendor_id,
            DeviceRow.workspace_id == self.workspace_id,
            DeviceRow.gone_at.is_(None),
        )
        for row in self.session.execute(query):
            yield Machine(row.device_id, row.name, row.serial, tuple(row.macs))

    def _write(self, decided: Match, device_name: str, names: dict[str, str]) -> None:
        sure = bool(decided.computer_id)
        values: dict[str, Any] = {
            "device_name": device_name[:300],
            "computer_id": decided.computer_id[:100],
            "computer_name": names.get(decided.computer_id, "")[:300],
            "state": MatchState.MATCHED if sure else MatchState.DOUBT,
            "how": decided.how,
            "candidates": [
                {"id": each.id, "name": each.name, "why": each.why} for each in decided.candidates
            ],
        }
        row = self.held.get(decided.device_id)
        if row is None:
            row = DeviceMatch(
                vendor_id=self.vendor_id,
                host_id=self.host_id,
                workspace_id=self.workspace_id,
                device_id=decided.device_id,
            )
            self.session.add(row)
        elif all(getattr(row, name) == value for name, value in values.items()):
            return
        for name, value in values.items():
            setattr(row, name, value)
        row.changed_at = self.now

    def _forget(self, living: set[str], kept: set[str]) -> None:
        """Drop what was found out of devices that are gone or resemble no computer any more.

        What a person ruled out stays as long as the device is there.
        """
        for row in self.held.values():
            if row.device_id in kept:
                continue
            if row.device_id in living and row.refused:
                _rule_out(row, self.now)
            else:
                self.session.delete(row)


def _rule_out(row: DeviceMatch, now: datetime) -> None:
    if row.state != MatchState.REFUSED:
        row.state, row.how, row.candidates = MatchState.REFUSED, "", []
        row.computer_id = row.computer_name = ""
        row.changed_at = now


# -- what a person sees and settles --------------------------------------------------------------


def counts(integration: Integration) -> dict[str, int]:
    """Count the devices by how sure it is which computer they are."""
    query = select(DeviceMatch.state, func.count()).where(*_of(integration))
    found: dict[str, int] = dict(db.session.execute(query.group_by(DeviceMatch.state)).all())
    return {each.value: found.get(each.value, 0) for each in MatchState}


def listed(integration: Integration, asked: Ask, state: str) -> Listing[DeviceMatch]:
    """Return a page of the devices in ``state``, by name."""
    query = select(DeviceMatch).where(*_of(integration), DeviceMatch.state == state)
    if asked.q:
        query = query.where(DeviceMatch.device_name.icontains(asked.q, autoescape=True))
    total = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(DeviceMatch.device_name, DeviceMatch.device_id)
    rows = db.session.scalars(ordered.offset(asked.offset).limit(asked.page_size)).all()
    return Listing(tuple(rows), total, asked.page, asked.page_size)


def confirm(
    runtime: Runtime, actor: str, integration: Integration, place: tuple[str, str], computer: str
) -> None:
    """Settle which computer a device is; ``place`` is its workspace and its id.

    RuleError when the computer is none of the candidates, or is settled for another device.
    """
    with writing() as session:
        row = _doubted(session, integration, place)
        chosen = next((each for each in row.candidates if each["id"] == computer), None)
        if chosen is None:
            text = "this computer is no candidate (any more); look at the list again"
            raise RuleError("computer", text)
        rival = select(DeviceMatch).where(
            *_of(integration),
            DeviceMatch.computer_id == computer,
            DeviceMatch.state == MatchState.CONFIRMED,
            DeviceMatch.device_id != row.device_id,
        )
        if session.scalar(rival.limit(1)) is not None:
            raise RuleError("computer", "this computer is confirmed for another device already")
        row.state, row.computer_id = MatchState.CONFIRMED, computer
        row.computer_name = chosen["name"][:300]
        row.decided_by, row.changed_at = actor[:254], runtime.now()
        _noted(runtime, session, actor, "device.confirm", row)


def refuse(
    runtime: Runtime, actor: str, integration: Integration, place: tuple[str, str], computer: str
) -> None:
    """Rule a computer out for a device, whatever speaks for it; the next look respects it."""
    with writing() as session:
        row = _doubted(session, integration, place)
        if computer not in {each["id"] for each in row.candidates}:
            text = "this computer is no candidate (any more); look at the list again"
            raise RuleError("computer", text)
        row.refused = [*row.refused, computer]
        row.candidates = [each for each in row.candidates if each["id"] != computer]
        row.computer_id = row.computer_name = ""
        row.state = MatchState.DOUBT if row.candidates else MatchState.REFUSED
        row.decided_by, row.changed_at = actor[:254], runtime.now()
        _noted(runtime, session, actor, "device.refuse", row, computer)


def _noted(
    runtime: Runtime,
    session: Session,
    actor: str,
    action: str,
    row: DeviceMatch,
    computer: str = "",
) -> None:
    told = {"device": row.device_id, "computer": computer or row.computer_id}
    audit(runtime, session, actor, action, row.device_name, after=told)


def _doubted(session: Session, integration: Integration, place: tuple[str, str]) -> DeviceMatch:
    key = (integration.vendor_id, *place, integration.host_id)
    row = session.get(DeviceMatch, key)
    if row is None:
        raise RuleError("device", "this device is not on the list (any more)")
    return row


def _of(integration: Integration) -> tuple[Any, ...]:
    return (
        DeviceMatch.host_id == integration.host_id,
        DeviceMatch.vendor_id == integration.vendor_id,
        DeviceMatch.workspace_id.in_(
            select(WorkspaceLink.workspace_id).where(WorkspaceLink.integration_id == integration.id)
        ),
    )


def _rows(vendor_id: int, host_id: int, workspace_id: str) -> Select[DeviceMatch]:
    return select(DeviceMatch).where(
        DeviceMatch.vendor_id == vendor_id,
        DeviceMatch.host_id == host_id,
        DeviceMatch.workspace_id == workspace_id,
    )
