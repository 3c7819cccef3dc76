"""Licence keys and subscriptions of Security Center, turned into our values."""

from datetime import datetime, timedelta

from marshmallow import fields

from plugin.domain.model import Licence, LicenceKind, LicenceState
from plugin.edge.wire import Text, Wire, Word
from plugin.vendors.kaspersky.center_wire import Moment, Row, whole
from plugin.vendors.kaspersky.center_words import CANCELLED_STATES, LICENCE_KINDS, TITLE


class KeyWire(Wire):
    """A licence key (vendor reference, "List of license key attributes")."""

    serial = Text(data_key="KLLIC_SERIAL", required=True)
    product = Text(data_key="KLLIC_PROD_NAME")
    kind = Word(LICENCE_KINDS, LicenceKind.UNKNOWN, data_key="KLLIC_KEY_TYPE")
    limit = whole("KLLIC_LIC_COUNT")
    limit_date = Moment(data_key="KLLIC_LIMIT_DATE")
    used = whole("KLLIC_NHOSTS_ASCURRENT", load_default=None, allow_none=True)
    reserved = whole("KLLIC_NHOSTS_ASNEXT")
    subscription = fields.Boolean(data_key="KLLIC_LICTYPE_IS_SUBSCRIPTION", load_default=False)
    state = whole("KLLIC_SUBSCRINFO_STATE")
    end_type = whole("KLLIC_SUBSCRINFO_ENDDATETYPE")
    end_date = Moment(data_key="KLLIC_SUBSCRINFO_ENDDATE")
    grace_days = whole("KLLIC_SUBSCRINFO_GRACETERM")


class KeyHostWire(Wire):
    """A host that uses a key (vendor reference, "List of host-specific license attributes")."""

    id = Text(data_key="KLLICSRV_HOSTNAME", required=True)
    active = fields.Boolean(data_key="KLLICSRV_HOST_CURRENT", load_default=False)


def licences(rows: object, workspace_id: str, now: datetime) -> list[Licence]:
    """Return keys as licences, in the state they have ``now``."""
    read = KeyWire.parse_many(rows, TITLE, "licence keys")
    return [_licence(row, workspace_id, now) for row in read]


def _licence(row: Row, workspace_id: str, now: datetime) -> Licence:
    expires_at = _end(row)
    return Licence(
        id=row["serial"],
        workspace_id=workspace_id,
        product=row["product"] or row["serial"],
        kind=LicenceKind.SUBSCRIPTION if row["subscription"] else row["kind"],
        state=_state(row, expires_at, now),
        limit=row["limit"] or None,
        used=row["used"],
        expires_at=expires_at,
    )


def _end(row: Row) -> datetime | None:
    """Return when a key ends: a limited subscription after its grace days, an unlimited never."""
    unlimited, limited = 1, 2
    end: datetime | None = row["limit_date"]
    if row["subscription"] and row["end_type"] == unlimited:
        return None
    if row["subscription"] and row["end_type"] == limited and row["end_date"]:
        return _later(row["end_date"], max(0, min(row["grace_days"], 366)))
    return end


def _later(moment: datetime, days: int) -> datetime:
    try:
        return moment + timedelta(days=days)
    except OverflowError:  # the year 9999, which stands for never
        return moment


def _state(row: Row, expires_at: datetime | None, now: datetime) -> LicenceState:
    cancelled = row["subscription"] and row["state"] in CANCELLED_STATES
    if cancelled or (expires_at is not None and expires_at <= now):
        return LicenceState.EXPIRED
    waiting = not row["used"] and row["reserved"] > 0
    return LicenceState.RESERVED if waiting else LicenceState.ACTIVE


def key_hosts(rows: object) -> list[str]:
    """Return the ids of the hosts on which the key is the active one, not the next."""
    read = KeyHostWire.parse_many(rows, TITLE, "the devices of a key")
    return [row["id"] for row in read if row["active"]]
