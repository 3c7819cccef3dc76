"""What the cloud answers: one schema per shape of cloud.openapi.json, strict about what we use."""

import re
from typing import Any

from marshmallow import fields, validate

from plugin.domain.model import (
    ActionState,
    DeviceClass,
    LicenceKind,
    LicenceState,
    Protection,
    Severity,
)
from plugin.edge.wire import Instant, Text, Wire, Word
from plugin.vendors.kaspersky import cloud_words as words

MOST = 2**53
"""The largest count that is believed: beyond it JSON numbers are no whole numbers."""
YEAR = 366 * 86_400
STABLE = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


def _id(key: str | None = None) -> Text:
    return Text(required=True, data_key=key, validate=validate.Length(1, 200))


def _token(key: str) -> Text:
    return Text(required=True, data_key=key, validate=validate.Regexp(r"[\x21-\x7e]{1,4096}\Z"))


def _count(key: str | None = None, **options: Any) -> fields.Integer:
    chosen = {"required": True, **options}
    limits = validate.Range(0, MOST)
    return fields.Integer(strict=True, data_key=key, validate=limits, **chosen)


def _many(kind: type[Wire], **options: Any) -> fields.List[Any]:
    return fields.List(fields.Nested(kind), **({"required": True} | options))


# -- sign-in and account -------------------------------------------------------------------------


class SessionWire(Wire):
    """Tokens after signing in or refreshing."""

    access = _token("accessToken")
    refresh = _token("refreshToken")
    seconds = fields.Integer(
        strict=True, required=True, data_key="expiresIn", validate=validate.Range(1, YEAR)
    )


class AccountWire(Wire):
    """Who is signed in."""

    email = Text(required=True)
    tenant_kind = Text(required=True, data_key="tenantKind")
    server_time = Instant(required=True, data_key="serverTime")


class UserWire(Wire):
    """A registered user."""

    email = Text(required=True)


class UsersWire(Wire):
    """The users with an e-mail address."""

    items = _many(UserWire)


# -- tenants and devices -------------------------------------------------------------------------


class TenantWire(Wire):
    """A workspace or company."""

    id = _id()
    name = Text(required=True)
    domain = Text()
    address = Text()
    device_count = _count("deviceCount")


class TenantPageWire(Wire):
    """Some tenants, and where to go on."""

    items = _many(TenantWire)
    next_page = Text(data_key="nextPage")


class DeviceWire(Wire):
    """A device."""

    id = _id()
    name = Text(required=True)
    device_class = Word(words.DEVICE_CLASS, DeviceClass.OTHER, data_key="class")
    operating_system = Text(data_key="operatingSystem")
    serial = Text(data_key="serialNumber")
    macs = fields.List(Text(required=True), data_key="macAddresses", load_default=list)
    fqdn = Text()
    address = Text()
    user = Text()
    protection = Word(words.PROTECTION, Protection.UNKNOWN, data_key="status")
    conditions = fields.List(Text(required=True), required=True)
    product = Text()
    product_version = Text(data_key="productVersion")
    bases_at = Instant(data_key="databasesAt")
    seen_at = Instant(data_key="seenAt")


class DevicePageWire(Wire):
    """Some devices, where to go on, and from where changes can be asked."""

    items = _many(DeviceWire)
    next_page = Text(data_key="nextPage")
    change_token = _token("changeToken")


class DeviceChangesWire(Wire):
    """Devices that changed and ids that went."""

    items = _many(DeviceWire)
    removed = fields.List(_id(), required=True)
    change_token = _token("changeToken")
    more = fields.Boolean(required=True, truthy={True}, falsy={False})


# -- events, licences, usage ---------------------------------------------------------------------


class EventWire(Wire):
    """An event."""

    id = _id()
    sequence = _count()
    kind = Text(required=True, data_key="type", validate=validate.Regexp(STABLE.pattern + r"\Z"))
    severity = Word(words.SEVERITY, Severity.UNKNOWN)
    title = Text()
    description = Text()
    outcome = Text()
    object_name = Text(data_key="object")
    user = Text()
    device_id = Text(data_key="deviceId")
    device_name = Text(data_key="deviceName")
    occurred_at = Instant(required=True, data_key="occurredAt")


class EventPageWire(Wire):
    """Some events and the cursor behind them."""

    items = _many(EventWire)
    cursor = _token("cursor")
    more = fields.Boolean(required=True, truthy={True}, falsy={False})


class LicenceWire(Wire):
    """A key or subscription."""

    id = _id()
    product = Text(required=True)
    kind = Word(words.LICENCE_KIND, LicenceKind.UNKNOWN)
    state = Word(words.LICENCE_STATE, LicenceState.UNKNOWN)
    limit = _count(required=False, allow_none=True, load_default=None)
    used = _count()
    expires_at = Instant(data_key="expiresAt")
    counted_in = Text(data_key="countedIn")


class LicencesWire(Wire):
    """The licences of a tenant."""

    items = _many(LicenceWire)


class ClassCountWire(Wire):
    """How many devices of a class."""

    device_class = Word(words.DEVICE_CLASS, DeviceClass.OTHER, data_key="class")
    assigned = _count()
    active = _count()


class UsageItemWire(Wire):
    """What is in use of one licence."""

    product = Text(required=True)
    counted_in = Text(required=True, data_key="countedIn")
    assigned = _count()
    active = _count()
    ordered = _count(required=False, allow_none=True, load_default=None)
    by_class = _many(ClassCountWire, data_key="byClass", required=False, load_default=list)


class UsageWire(Wire):
    """What is in use of a tenant's licences."""

    items = _many(UsageItemWire)


# -- tasks and integrations ----------------------------------------------------------------------


class TaskWire(Wire):
    """A task and how far it is."""

    id = _id()
    state = Word(words.TASK_STATE, ActionState.RUNNING)
    devices = _count()
    done = _count()
    failed = _count()


class AdministratorWire(Wire):
    """An administrator of an integration."""

    email = Text(required=True)
    alias = Text()


class IntegrationWire(Wire):
    """An integration."""

    id = _id()
    platform = Text(required=True)
    name = Text(required=True)
    tenants = fields.List(_id(), required=True)
    administrators = _many(AdministratorWire)


class ConflictWire(Wire):
    """A tenant and the integration that has it."""

    tenant = Text(required=True, data_key="tenantName")
    integration = Text(required=True, data_key="integrationName")


class ErrorWire(Wire):
    """Why something was refused."""

    code = Text(required=True)
    conflicts = _many(ConflictWire, required=False, load_default=list)
    emails = fields.List(Text(required=True), load_default=list)


class FailureWire(Wire):
    """The body of every refusal."""

    error = fields.Nested(ErrorWire, required=True)
