"""Hosts' and vendors' objects as last seen, and the numbers over them."""

from collections.abc import Mapping
from typing import Any

from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import Door, page_of
from plugin.blueprints.api.values import Answer, Moment, QueryWhole, Text, Wish, one_of
from plugin.blueprints.guard import allow, runtime, scope
from plugin.domain.figures import DatabaseAge, Deployment
from plugin.domain.model import DeviceClass, LicenceKind, LicenceState, Protection, Severity
from plugin.services import lists
from plugin.services.access import Role
from plugin.services.lists import Ask, DeviceLine, LicenceLine, Listing
from plugin.services.lists.devices import DetectionLine
from plugin.services.lists.licences import EXCEEDED, NEARLY_USED_UP
from plugin.store.mirror import CompanyRow, WorkspaceRow

workspaces = Door("workspaces", "The vendors' units for one client each.")
companies = Door("companies", "The hosts' client companies.")
devices = Door("devices", "Protected devices.")
detections = Door("detections", "What vendors reported on devices.")
licences = Door("licences", "Keys and subscriptions.")
statistics = Door("statistics", "Numbers over everything.")

OF_CLIENT: Mapping[str, fields.Field[Any]] = {
    "workspace": QueryWhole(metadata={"description": "Our number of a workspace"}),
    "client": Text(most=200, metadata={"description": "Part of a workspace's name"}),
}


class WorkspaceSchema(Answer):
    """A workspace with the counts of its devices."""

    id = fields.Integer()
    vendor_id = fields.Integer(metadata={"description": "The vendor connection"})
    workspace_id = fields.String(metadata={"description": "The vendor's own id"})
    name = fields.String()
    domain = fields.String()
    address = fields.String()
    devices = fields.Integer()
    devices_ok = fields.Integer()
    devices_warning = fields.Integer()
    devices_critical = fields.Integer()
    devices_unknown = fields.Integer()
    first_seen_at = Moment()
    seen_at = Moment()


class WorkspaceNameSchema(Answer):
    """A workspace's number and name."""

    id = fields.Integer()
    name = fields.String()


class CompanySchema(Answer):
    """A client company in a host."""

    id = fields.Integer()
    host_id = fields.Integer(metadata={"description": "The host connection"})
    company_id = fields.String(metadata={"description": "The host's own id"})
    name = fields.String()
    identifier = fields.String()
    domain = fields.String()
    address = fields.String()
    status = fields.String()
    active = fields.Boolean()
    seen_at = Moment()


class DeviceSchema(Answer):
    """A protected device."""

    id = fields.Integer()
    vendor_id = fields.Integer()
    device_id = fields.String(metadata={"description": "The vendor's own id"})
    workspace = fields.Nested(WorkspaceNameSchema)
    name = fields.String()
    device_class = one_of(DeviceClass)
    operating_system = fields.String()
    serial = fields.String()
    macs = fields.List(fields.String())
    fqdn = fields.String()
    address = fields.String()
    user = fields.String()
    protection = one_of(Protection)
    conditions = fields.List(fields.String())
    groups = fields.List(fields.String())
    product = fields.String()
    product_version = fields.String()
    isolated = fields.Boolean(allow_none=True)
    deployment = one_of(Deployment)
    bases_at = Moment(allow_none=True)
    last_contact_at = Moment(allow_none=True)
    first_seen_at = Moment()


class DetectionSchema(Answer):
    """Something a vendor reported."""

    id = fields.Integer()
    vendor_id = fields.Integer()
    detection_id = fields.String(metadata={"description": "The vendor's own id"})
    workspace = fields.Nested(WorkspaceNameSchema, allow_none=True)
    device_id = fields.String()
    device_name = fields.String()
    kind = fields.String()
    severity = one_of(Severity)
    title = fields.String()
    description = fields.String()
    outcome = fields.String()
    object_name = fields.String()
    user = fields.String()
    resolved = fields.Boolean()
    occurred_at = Moment()


class LicenceSchema(Answer):
    """A key or subscription."""

    id = fields.Integer()
    vendor_id = fields.Integer()
    licence_id = fields.String(metadata={"description": "The vendor's own id"})
    workspace = fields.Nested(WorkspaceNameSchema, allow_none=True)
    product = fields.String()
    kind = one_of(LicenceKind)
    state = one_of(LicenceState)
    limit = fields.Integer(allow_none=True)
    used = fields.Integer(allow_none=True)
    share = fields.Integer(allow_none=True, metadata={"description": "Percent that is used"})
    use = one_of(("", EXCEEDED, NEARLY_USED_UP))
    per_user = fields.Boolean()
    expires_at = Moment(allow_none=True)
    seen_at = Moment()


class PartSchema(Answer):
    """One part of a chart."""

    word = one_of([*Deployment, *DatabaseAge])
    number = fields.Integer(metadata={"description": "How many devices"})
    vendor = fields.String(
        metadata={"description": "The vendor that tells this of no device; else empty"}
    )


class LicenceFiguresSchema(Answer):
    """How many licences there are, and how many want a look."""

    licences = fields.Integer()
    exceeded = fields.Integer()
    nearly_used_up = fields.Integer()
    expired = fields.Integer()


class StatisticsQuerySchema(Wish):
    """Over which clients is counted; what waits is always counted over everything."""

    workspace = QueryWhole(metadata={"description": "Our number of a workspace"})
    client = Text(most=200, metadata={"description": "Part of a workspace's name"})


class StatisticsSchema(Answer):
    """How many there are, how well they are protected, what waits."""

    workspaces = fields.Integer()
    devices = fields.Integer()
    devices_ok = fields.Integer()
    devices_warning = fields.Integer()
    devices_critical = fields.Integer()
    devices_unknown = fields.Integer()
    deployment = fields.List(fields.Nested(PartSchema))
    databases = fields.List(fields.Nested(PartSchema))
    licences = fields.Nested(LicenceFiguresSchema)
    connections_needing_attention = fields.Integer()
    deliveries_waiting = fields.Integer()
    deliveries_dead = fields.Integer()
    tickets_open = fields.Integer()
    tickets_waiting = fields.Integer()
    tickets_failing = fields.Integer()


@workspaces.route()
class Workspaces(MethodView):
    """All workspaces."""

    @allow(Role.VIEWER, limited=True)
    @workspaces.lists(
        WorkspaceSchema,
        sorts=("name", "devices"),
        filters={"vendor": QueryWhole(), "integration": QueryWhole()},
    )
    def get(self, ask: Ask) -> Listing[WorkspaceRow]:
        """List the workspaces."""
        return page_of(lists.workspaces, ask)


@companies.route()
class Companies(MethodView):
    """All companies."""

    @allow(Role.VIEWER, limited=True)
    @companies.lists(
        CompanySchema,
        sorts=("name",),
        filters={"host": QueryWhole(), "active": one_of(["true", "false"])},
    )
    def get(self, ask: Ask) -> Listing[CompanyRow]:
        """List the companies."""
        return page_of(lists.companies, ask)


@devices.route()
class Devices(MethodView):
    """All devices."""

    @allow(Role.VIEWER, limited=True)
    @devices.lists(
        DeviceSchema,
        sorts=("name", "protection", "contact", "bases"),
        filters={
            "protection": one_of(Protection),
            "class": one_of(DeviceClass),
            "deployment": one_of(Deployment),
            "bases": one_of(DatabaseAge, metadata={"description": "The age of the databases"}),
            **OF_CLIENT,
        },
    )
    def get(self, ask: Ask) -> Listing[DeviceLine]:
        """List the devices."""
        return page_of(lists.devices, ask)


@detections.route()
class Detections(MethodView):
    """All detections."""

    @allow(Role.VIEWER, limited=True)
    @detections.lists(
        DetectionSchema,
        sorts=("time",),
        filters={
            "severity": one_of(Severity),
            "vendor": QueryWhole(),
            "device": Text(most=200, metadata={"description": "The vendor's id of a device"}),
            **OF_CLIENT,
        },
    )
    def get(self, ask: Ask) -> Listing[DetectionLine]:
        """List the detections, newest first."""
        return page_of(lists.detections, ask)


@licences.route()
class Licences(MethodView):
    """All licences."""

    @allow(Role.VIEWER, limited=True)
    @licences.lists(
        LicenceSchema,
        sorts=("product", "expires", "used", "share"),
        filters={
            "state": one_of(LicenceState),
            "use": one_of((EXCEEDED, NEARLY_USED_UP)),
            **OF_CLIENT,
        },
    )
    def get(self, ask: Ask) -> Listing[LicenceLine]:
        """List the licences."""
        return page_of(lists.licences, ask)


@statistics.route()
class Statistics(MethodView):
    """The numbers over everything."""

    @allow(Role.VIEWER, limited=True)
    @statistics.asks(StatisticsQuerySchema)
    @statistics.answers(StatisticsSchema)
    def get(self, given: dict[str, Any]) -> dict[str, object]:
        """Count clients, devices by protection, deployment and age of databases, and what waits."""
        ask = Ask().with_filters(**given)
        counted, waits = lists.figures(runtime(), scope(), ask), lists.waiting(runtime(), scope())
        return {
            "workspaces": counted.workspaces,
            "devices": counted.devices,
            **{f"devices_{part.word}": part.number for part in counted.protection},
            "deployment": counted.deployment,
            "databases": counted.databases,
            "licences": lists.licence_figures(scope(), ask),
            "connections_needing_attention": waits.connections,
            "deliveries_waiting": waits.deliveries_waiting,
            "deliveries_dead": waits.deliveries_dead,
            "tickets_open": waits.tickets_open,
            "tickets_waiting": waits.tickets_waiting,
            "tickets_failing": waits.tickets_failing,
        }
