"""Which computers' fields have to be looked at, and what is to stand there: no call is made."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, exists, select

from plugin.domain.host_writing import word_for
from plugin.domain.model import Protection
from plugin.store.base import db
from plugin.store.device_matching import DeviceMatch, MatchState
from plugin.store.host_writes import HostWrite, StateField, WriteState
from plugin.store.integrations import (
    CompanyMapping,
    Integration,
    IntegrationState,
    MappingState,
    WorkspaceLink,
)
from plugin.store.mirror import DeviceRow

SURE = (MatchState.MATCHED, MatchState.CONFIRMED)
LOOKED_AGAIN = timedelta(hours=23)
"""A person's value and a problem are looked at again about daily."""
_UNSETTLED = {WriteState.PERSON, WriteState.LEFT, WriteState.PROBLEM}


@dataclass(frozen=True, slots=True)
class Target:
    """A computer and what is to stand in its field."""

    workspace_id: str
    device_id: str
    device_name: str
    computer_id: str
    computer_name: str
    wanted: str


class Targets:
    """The computers of one integration whose field is not known to be in step."""

    def __init__(self, integration: Integration, field: StateField, now: datetime) -> None:
        """Note what is looked for; ``now`` is when the pass begins."""
        self._integration_id = integration.id
        self._host_id, self._vendor_id = integration.host_id, integration.vendor_id
        self._field_id, self._options = field.field_id, tuple(field.options)
        self._asked_at, self._stale = field.asked_at, now - LOOKED_AGAIN
        self._on = is_on(integration)

    def __iter__(self) -> Iterator[Target]:
        """Yield them workspace by workspace, so that memory does not grow with the fleet."""
        for workspace_id in self._workspaces():
            due = self._due(workspace_id)
            db.session.commit()
            yield from due

    def _workspaces(self) -> list[str]:
        """Return the workspaces that are served and mapped."""
        mapped = (
            (CompanyMapping.workspace_id == WorkspaceLink.workspace_id)
            & (CompanyMapping.vendor_id == WorkspaceLink.vendor_id)
            & (CompanyMapping.host_id == self._host_id)
            & (CompanyMapping.state == MappingState.MAPPED)
        )
        query = (
            select(WorkspaceLink.workspace_id)
            .join(CompanyMapping, mapped)
            .where(WorkspaceLink.integration_id == self._integration_id)
            .order_by(WorkspaceLink.workspace_id)
        )
        return list(db.session.scalars(query))

    def _due(self, workspace_id: str) -> list[Target]:
        known = {row.computer_id: row for row in db.session.execute(self._known(workspace_id))}
        matched = [
            Target(
                workspace_id,
                row.device_id,
                row.device_name,
                row.computer_id,
                row.computer_name,
                self._word(row.protection),
            )
            for row in db.session.execute(self._matched(workspace_id))
        ]
        here = {each.computer_id for each in matched}
        left = {
            number: Target(
                workspace_id, row.device_id, row.device_name, number, row.computer_name, gone
            )
            for gone in [self._word(None)]
            for number, row in known.items()
            if number not in here and (row.written or row.sent) is not None
        }
        lost = [left[number] for number in sorted(left.keys() - self._elsewhere(set(left)))]
        return [each for each in matched + lost if self._is_due(known.get(each.computer_id), each)]

    def _elsewhere(self, computers: set[str]) -> set[str]:
        """Return which of these computers are a device of another workspace by now."""
        if not computers:
            return set()
        query = select(DeviceMatch.computer_id).where(
            DeviceMatch.vendor_id == self._vendor_id,
            DeviceMatch.host_id == self._host_id,
            DeviceMatch.state.in_(SURE),
            DeviceMatch.workspace_id.in_(self._workspaces()),
        )
        return computers & set(db.session.scalars(query))

    def _word(self, protection: str | None) -> str:
        return word_for(None if protection is None else Protection(protection), self._options)

    def _matched(self, workspace_id: str) -> Select[*tuple[Any, ...]]:
        """Return the devices that surely are a computer; no protection: gone from the vendor."""
        living = (
            (DeviceRow.vendor_id == DeviceMatch.vendor_id)
            & (DeviceRow.workspace_id == DeviceMatch.workspace_id)
            & (DeviceRow.device_id == DeviceMatch.device_id)
            & DeviceRow.gone_at.is_(None)
        )
        columns = (
            DeviceMatch.device_id,
            DeviceMatch.device_name,
            DeviceMatch.computer_id,
            DeviceMatch.computer_name,
            DeviceRow.protection,
        )
        return (
            select(*columns)
            .outerjoin(DeviceRow, living)
            .where(
                DeviceMatch.vendor_id == self._vendor_id,
                DeviceMatch.host_id == self._host_id,
                DeviceMatch.workspace_id == workspace_id,
                DeviceMatch.state.in_(SURE),
            )
            .order_by(DeviceMatch.device_id)
        )

    def _known(self, workspace_id: str) -> Select[*tuple[Any, ...]]:
        columns = (
            HostWrite.computer_id,
            HostWrite.computer_name,
            HostWrite.device_id,
            HostWrite.device_name,
            HostWrite.state,
            HostWrite.wanted,
            HostWrite.written,
            HostWrite.sent,
            HostWrite.allowed,
            HostWrite.looked_at,
        )
        return select(*columns).where(
            HostWrite.integration_id == self._integration_id,
            HostWrite.host_id == self._host_id,
            HostWrite.field_id == self._field_id,
            HostWrite.vendor_id == self._vendor_id,
            HostWrite.workspace_id == workspace_id,
        )

    def _is_due(self, row: Row[Any] | None, target: Target) -> bool:
        if row is None or (row.device_id, row.wanted) != (target.device_id, target.wanted):
            return True
        if row.looked_at < self._asked_at:
            return True
        if row.allowed is not None:
            return True
        if row.state in _UNSETTLED:
            return bool(row.looked_at < self._stale)
        return self._on and row.written != target.wanted


def is_on(integration: Integration) -> bool:
    """Tell whether the protection state is written, and not only looked at."""
    return integration.writes_extra_fields and integration.state == IntegrationState.ACTIVE


def is_kept_by_another(row: HostWrite, integration_id: int, target: Target) -> bool:
    """Tell whether a field is written for another device that is matched to the same computer."""
    mine = (integration_id, target.workspace_id, target.device_id)
    if mine == (row.integration_id, row.workspace_id, row.device_id):
        return False
    matched = exists().where(
        DeviceMatch.vendor_id == row.vendor_id,
        DeviceMatch.host_id == row.host_id,
        DeviceMatch.workspace_id == row.workspace_id,
        DeviceMatch.device_id == row.device_id,
        DeviceMatch.computer_id == row.computer_id,
        DeviceMatch.state.in_(SURE),
    )
    served = (
        select(WorkspaceLink.id)
        .join(StateField, StateField.integration_id == WorkspaceLink.integration_id)
        .where(
            WorkspaceLink.integration_id == row.integration_id,
            WorkspaceLink.vendor_id == row.vendor_id,
            WorkspaceLink.workspace_id == row.workspace_id,
            StateField.field_id == row.field_id,
        )
    )
    return bool(db.session.scalar(select(matched & served.exists())))
