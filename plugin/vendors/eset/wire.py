"""ESET Connect's shapes, one schema for each, and its words in ours."""

from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from plugin.domain.model import ActionState, DeviceClass, Protection, Severity
from plugin.edge.wire import Instant, Text, Wire, Word
from plugin.vendors.eset.deep import Deep

# -- words -----------------------------------------------------------------------------------

_LEVELS = {
    "HIGH": Severity.CRITICAL,
    "CRITICAL": Severity.CRITICAL,
    "MEDIUM": Severity.WARNING,
    "LOW": Severity.INFORMATION,
    "INFORMATIONAL": Severity.INFORMATION,
    "DIAGNOSTIC": Severity.INFORMATION,
}
_PREFIXES = ("", "SEVERITY_LEVEL_", "INCIDENT_SEVERITY_LEVEL_", "SEVERITY_", "INCIDENT_SEVERITY_")
SEVERITIES = {prefix + word: level for prefix in _PREFIXES for word, level in _LEVELS.items()}
"""Detections and incidents spell the same levels differently; both are read everywhere."""

PROTECTIONS = {
    "DEVICE_FUNCTIONALITY_STATUS_OK": Protection.OK,
    "DEVICE_FUNCTIONALITY_STATUS_ATTENTION_RECOMMENDED": Protection.WARNING,
    "DEVICE_FUNCTIONALITY_STATUS_ATTENTION_REQUIRED": Protection.CRITICAL,
}
DEVICE_CLASSES = {
    "DEVICE_TYPE_SERVER": DeviceClass.SERVER,
    "DEVICE_TYPE_NOTEBOOK": DeviceClass.WORKSTATION,
    "DEVICE_TYPE_DESKTOP": DeviceClass.WORKSTATION,
    "DEVICE_TYPE_SMARTPHONE": DeviceClass.MOBILE,
    "DEVICE_TYPE_TABLET": DeviceClass.MOBILE,
    "DEVICE_TYPE_WEARABLE": DeviceClass.MOBILE,
    "DEVICE_TYPE_IOT": DeviceClass.OTHER,
    "DEVICE_TYPE_SMART_TV": DeviceClass.OTHER,
    "DEVICE_TYPE_GAMING_CONSOLE": DeviceClass.OTHER,
    "DEVICE_TYPE_ROUTER": DeviceClass.OTHER,
    "DEVICE_TYPE_PRINTER": DeviceClass.OTHER,
    "DEVICE_TYPE_SECURITY_CAMERA": DeviceClass.OTHER,
    "DEVICE_TYPE_SMART_SPEAKER": DeviceClass.OTHER,
}
RUN_STATES = {
    "TASK_RUN_STATUS_QUEUED": ActionState.WAITING,
    "TASK_RUN_STATUS_UNSPECIFIED": ActionState.WAITING,
    "TASK_RUN_STATUS_RUNNING": ActionState.RUNNING,
    "TASK_RUN_STATUS_FINISHED": ActionState.DONE,
    "TASK_RUN_STATUS_FAILED": ActionState.FAILED,
    "TASK_RUN_STATUS_SUPPRESSED": ActionState.FAILED,
}
ID_LENGTH = 190

Identifier = validate.Length(min=1, max=ID_LENGTH)
Lifetime = validate.Range(1, 10_000_000)


def _is_told(moment: datetime | None) -> None:
    if moment is None:
        raise ValidationError("No moment.")


def _listed(wire: type[Wire], name: str) -> fields.List[Any]:
    return fields.List(fields.Nested(wire), data_key=name, load_default=list, allow_none=True)


def _inner(wire: type[Wire], name: str) -> fields.Nested:
    return fields.Nested(wire, data_key=name, load_default=dict, allow_none=True)


# -- signing in ------------------------------------------------------------------------------


class ConnectTokenWire(Wire):
    """The answer of ``/oauth/token``."""

    access = Text(data_key="access_token", required=True, validate=validate.Length(1, 20_000))
    refresh = Text(data_key="refresh_token", validate=validate.Length(max=20_000))
    seconds = fields.Integer(
        data_key="expires_in", required=True, validate=validate.Range(1, 10**7)
    )


class ConsoleTokenWire(Wire):
    """The answer of an on-premises console's ``/GetTokens``."""

    access = Text(data_key="accessToken", required=True, validate=validate.Length(1, 20_000))
    seconds = fields.Integer(data_key="expiresIn", load_default=3600, validate=Lifetime)


# -- groups and devices ----------------------------------------------------------------------


class PageWire(Wire):
    """What all lists share."""

    next_page = Text(data_key="nextPageToken")


class GroupWire(Wire):
    """A group; ``static`` false means dynamic."""

    id = Text(data_key="uuid", required=True, validate=Identifier)
    name = Text(data_key="displayName")
    parent = Text(data_key="parentGroupUuid")
    static = fields.Boolean(data_key="isSecurityGroup", load_default=False, allow_none=True)
    linked = Text(data_key="linkedEntityType")


class GroupPageWire(PageWire):
    """A page of groups."""

    rows = _listed(GroupWire, "deviceGroups")


class MemberWire(Wire):
    """A device as a group's member."""

    id = Text(data_key="uuid", required=True, validate=Identifier)


class MemberPageWire(PageWire):
    """A page of a group's members."""

    rows = _listed(MemberWire, "devices")


class DeviceWire(Wire):
    """A managed device."""

    id = Text(data_key="uuid", required=True, validate=Identifier)
    name = Text(data_key="displayName")
    group = Text(data_key="parentGroupUuid")
    device_class = Word(DEVICE_CLASSES, None, data_key="deviceType")
    mobile = fields.Boolean(data_key="isMobile", load_default=False, allow_none=True)
    system = Deep("operatingSystem", names="displayName")
    protection = Word(PROTECTIONS, Protection.UNKNOWN, data_key="functionalityStatus")
    enrolment = Text(data_key="enrollmentStatus")
    seen_at = Instant(data_key="lastSyncTime")
    local_address = Text(data_key="primaryLocalIpAddress")
    public_address = Text(data_key="publicIpAddress")
    hardware = Deep(
        "hardwareProfiles", serials="bios.serialNumber", macs="networkAdapters.macAddress"
    )
    components = Deep("deployedComponents", names="displayName", versions="version.name")
    activations = Deep(
        "activeProducts",
        years="validityDate.year",
        months="validityDate.month",
        days="validityDate.day",
    )


class DevicePageWire(PageWire):
    """A page of devices."""

    rows = _listed(DeviceWire, "devices")


class PlacedWire(Wire):
    """A device, only as far as its name and its group."""

    id = Text(data_key="uuid", required=True, validate=Identifier)
    name = Text(data_key="displayName")
    group = Text(data_key="parentGroupUuid")


class DeviceBatchWire(Wire):
    """Several devices at once."""

    rows = _listed(PlacedWire, "devices")


# -- detections and incidents ----------------------------------------------------------------


class ProcessWire(Wire):
    """A process that took part."""

    path = Text()
    command = Text(data_key="commandLine")


class ContextWire(Wire):
    """Where a detection of the first version was made."""

    device = Text(data_key="deviceUuid")
    user = Text(data_key="userName")
    text = Text(data_key="circumstances")
    process = _inner(ProcessWire, "process")


class ResponseWire(Wire):
    """What the product did about it."""

    name = Text(data_key="displayName")


class DetectionDeviceWire(Wire):
    """The device of a detection of the second version."""

    id = Text(data_key="uuid")
    name = Text(data_key="displayName")


class DetectionWire(Wire):
    """A detection of either version."""

    id = Text(data_key="uuid", required=True, validate=Identifier)
    category = Text()
    type = Text(data_key="typeName")
    title = Text(data_key="displayName")
    severity = Word(SEVERITIES, Severity.UNKNOWN, data_key="severityLevel")
    score = fields.Integer(data_key="severityScore", load_default=0, allow_none=True)
    occurred_at = Instant(data_key="occurTime", required=True, validate=_is_told)
    object_name = Text(data_key="objectName")
    object_url = Text(data_key="objectUrl")
    object_hash = Text(data_key="objectHashSha1")
    responses = _listed(ResponseWire, "responses")
    context = _inner(ContextWire, "context")
    device = _inner(DetectionDeviceWire, "device")
    process = _inner(ProcessWire, "process")
    user = Text(data_key="userName")
    text = Text(data_key="circumstances")
    resolved = fields.Boolean(load_default=False, allow_none=True)


class DetectionPageWire(PageWire):
    """A page of detections."""

    rows = _listed(DetectionWire, "detections")


class DeltaPageWire(PageWire):
    """A page of the detections made since a delta token."""

    rows = _listed(DetectionWire, "createdDetections")
    next_delta = Text(data_key="nextDeltaToken")


class IncidentWire(Wire):
    """An incident."""

    id = Text(data_key="uuid", required=True, validate=Identifier)
    title = Text(data_key="displayName")
    text = Text(data_key="description")
    severity = Word(SEVERITIES, Severity.UNKNOWN)
    status = Text()
    created_at = Instant(data_key="createTime", required=True, validate=_is_told)
    updated_at = Instant(data_key="updateTime")
    devices = fields.List(Text(), data_key="deviceUuids", load_default=list, allow_none=True)


class IncidentPageWire(PageWire):
    """A page of incidents."""

    rows = _listed(IncidentWire, "incidents")


# -- tasks and installers --------------------------------------------------------------------


class TaskWire(Wire):
    """A task that was made."""

    id = Text(data_key="uuid", required=True, validate=Identifier)


class TaskMadeWire(Wire):
    """The answer to making a task."""

    task = fields.Nested(TaskWire, required=True)


class MadeTaskWire(TaskWire):
    """A task in the list of tasks."""

    name = Text(data_key="displayName")
    targets = fields.Dict(
        keys=Text(), values=fields.List(Text()), load_default=dict, allow_none=True
    )
    made_at = Instant(data_key="createTime")


class TaskPageWire(PageWire):
    """A page of tasks."""

    rows = _listed(MadeTaskWire, "tasks")


class RunWire(Wire):
    """One run of a task on one device."""

    state = Word(RUN_STATES, ActionState.WAITING, data_key="status")


class RunPageWire(PageWire):
    """A page of a task's runs."""

    rows = _listed(RunWire, "taskRuns")


class EnrolmentWire(Wire):
    """Which group an installer enrols into."""

    group = Text(data_key="securityGroupUuid")


class InstallerWire(Wire):
    """An installer."""

    url = Text(data_key="downloadUrl")
    usable = fields.Boolean(load_default=False, allow_none=True)
    expires_at = Instant(data_key="expireTime")
    family = fields.Integer(data_key="operatingSystemFamilyId", load_default=0, allow_none=True)
    enrolment = _inner(EnrolmentWire, "deviceEnrollment")


class InstallerPageWire(PageWire):
    """A page of installers."""

    rows = _listed(InstallerWire, "installers")


class InstallerMadeWire(Wire):
    """The answer to making an installer."""

    installer = fields.Nested(InstallerWire, required=True)
