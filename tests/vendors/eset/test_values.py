from datetime import UTC, date, datetime
from typing import Any

import pytest

from plugin.domain.errors import AnswerError
from plugin.domain.model import Detection, Device, DeviceClass, Protection, Severity
from plugin.vendors.eset.values import detection_from, device_from, incident_from
from plugin.vendors.eset.wire import DetectionWire, DeviceWire, IncidentWire

TODAY = date(2026, 11, 2)
AT = "2026-11-02T07:00:00Z"


def device(**raw: Any) -> Device:
    return device_from(DeviceWire.parse({"uuid": "d", **raw}, "ESET", "a device"), "w", TODAY)


def detection(**raw: Any) -> Detection:
    row = DetectionWire.parse({"uuid": "x", "occurTime": AT, **raw}, "ESET", "a detection")
    return detection_from(row, "w", "PC1")


# -- devices ---------------------------------------------------------------------------------


def test_a_device_may_tell_nothing_but_its_id() -> None:
    assert device() == Device(id="d", workspace_id="w", name="")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"deviceType": "DEVICE_TYPE_SERVER"}, DeviceClass.SERVER),
        ({"deviceType": "DEVICE_TYPE_NOTEBOOK"}, DeviceClass.WORKSTATION),
        ({"deviceType": "DEVICE_TYPE_TABLET"}, DeviceClass.MOBILE),
        ({"deviceType": "DEVICE_TYPE_PRINTER"}, DeviceClass.OTHER),
        ({"deviceType": "DEVICE_TYPE_TOASTER"}, DeviceClass.OTHER),
        ({"isMobile": True, "deviceType": "DEVICE_TYPE_UNSPECIFIED"}, DeviceClass.MOBILE),
        ({"operatingSystem": {"displayName": "Microsoft Windows 11 Pro"}}, DeviceClass.WORKSTATION),
        ({"operatingSystem": {"displayName": "macOS 15"}}, DeviceClass.WORKSTATION),
        ({"operatingSystem": {"displayName": "Windows Server 2022"}}, DeviceClass.SERVER),
        (
            {
                "deviceType": "DEVICE_TYPE_VIRTUAL_MACHINE",
                "operatingSystem": {"displayName": "Windows Server 2019"},
            },
            DeviceClass.SERVER,
        ),
        ({"operatingSystem": {"displayName": "Solaris"}}, DeviceClass.OTHER),
    ],
)
def test_the_class_comes_from_type_and_system(raw: dict[str, Any], expected: DeviceClass) -> None:
    assert device(**raw).device_class is expected


@pytest.mark.parametrize(
    ("word", "protection", "conditions"),
    [
        ("OK", Protection.OK, ()),
        ("ATTENTION_RECOMMENDED", Protection.WARNING, ("attention_recommended",)),
        ("ATTENTION_REQUIRED", Protection.CRITICAL, ("attention_required",)),
        ("SOMETHING_NEW", Protection.UNKNOWN, ()),
    ],
)
def test_the_status_is_a_verdict_and_a_condition(
    word: str, protection: Protection, conditions: tuple[str, ...]
) -> None:
    found = device(functionalityStatus=f"DEVICE_FUNCTIONALITY_STATUS_{word}")
    assert (found.protection, found.conditions) == (protection, conditions)


def test_a_failed_enrolment_and_an_ended_licence_are_conditions() -> None:
    ended = {"validityDate": {"year": 2026, "month": 11, "day": 1}}
    good = {"validityDate": {"year": 2026, "month": 11, "day": 2}}
    failed = "DEVICE_ENROLLMENT_STATUS_FAILED"
    assert device(enrollmentStatus=failed).conditions == ("enrolment_failed",)
    assert device(activeProducts=[ended]).conditions == ("licence_expired",)
    assert device(activeProducts=[ended, good]).conditions == ()
    assert device(activeProducts=[{"validityDate": {"year": 2026}}]).conditions == ()
    assert (
        device(activeProducts=[{"validityDate": {"year": 0, "month": 0, "day": 0}}]).conditions
        == ()
    )


def test_hardware_is_read_through_all_profiles() -> None:
    profiles = [
        {"bios": None, "networkAdapters": [{"macAddress": "02-00-00-00-00-01"}]},
        {"bios": {"serialNumber": "SN1"}, "networkAdapters": [{"macAddress": "020000000001"}, {}]},
        {"networkAdapters": [{"macAddress": "02:00:00:00:00:02"}, {"macAddress": "none"}]},
    ]
    found = device(hardwareProfiles=profiles)
    assert found.serial == "SN1"
    assert found.macs == ("02:00:00:00:00:01", "02:00:00:00:00:02")


def test_the_product_is_the_one_that_protects() -> None:
    agent = {"displayName": "ESET Management Agent", "version": {"name": "12.3"}}
    endpoint = {"displayName": "ESET Endpoint Security", "version": {"name": "12.0"}}
    assert (device(deployedComponents=[agent, endpoint]).product_version) == "12.0"
    assert device(deployedComponents=[agent]).product == ""
    bare = {"displayName": "ESET Server Security"}
    assert device(deployedComponents=[agent, bare]).product_version == ""


def test_a_whole_name_is_also_an_address() -> None:
    assert device(displayName="pc1.acme.example").fqdn == "pc1.acme.example"
    assert device(displayName="PC1").fqdn == ""
    assert device(publicIpAddress="203.0.113.9").address == "203.0.113.9"


# -- detections ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "kind", "expected"),
    [
        (
            "DETECTION_CATEGORY_ANTIVIRUS",
            "Potentially unwanted application",
            "antivirus/potentially_unwanted_application",
        ),
        ("DETECTION_CATEGORY_CORRELATION_RULE", "", "edr_rule"),
        ("", "", "unspecified"),
        ("DETECTION_CATEGORY_" + "X" * 200, "y" * 200, "x" * 55 + "/" + "y" * 55),
    ],
)
def test_the_kind_is_a_short_stable_word(category: str, kind: str, expected: str) -> None:
    assert detection(category=category, typeName=kind).kind == expected


@pytest.mark.parametrize(
    ("raw", "severity"),
    [
        ({"severityLevel": "SEVERITY_LEVEL_HIGH"}, Severity.CRITICAL),
        ({"severityLevel": "INCIDENT_SEVERITY_LEVEL_HIGH"}, Severity.CRITICAL),
        ({"severityLevel": "high"}, Severity.CRITICAL),
        ({"severityLevel": "SEVERITY_CRITICAL"}, Severity.CRITICAL),
        ({"severityLevel": "APOCALYPTIC"}, Severity.UNKNOWN),
        ({}, Severity.UNKNOWN),
        ({"severityScore": 60}, Severity.CRITICAL),
        ({"severityScore": 50}, Severity.WARNING),
        ({"severityScore": 49}, Severity.INFORMATION),
        ({"severityScore": 0}, Severity.UNKNOWN),
        ({"severityScore": 900}, Severity.UNKNOWN),
        ({"severityLevel": "SEVERITY_LEVEL_LOW", "severityScore": 90}, Severity.INFORMATION),
    ],
)
def test_every_spelling_of_a_severity_is_read(raw: dict[str, Any], severity: Severity) -> None:
    assert detection(**raw).severity is severity


def test_version_two_tells_device_user_and_outcome_itself() -> None:
    found = detection(
        device={"uuid": "d2", "displayName": "PC2"},
        userName="adams",
        circumstances="while copying",
        process={"path": "c:\\x.exe", "commandLine": "x.exe /all"},
        responses=[{"displayName": "Cleaned"}, {}],
        resolved=True,
        objectUrl="http://bad.example",
        objectHashSha1="ab12",
    )
    assert (found.device_id, found.device_name, found.user) == ("d2", "PC2", "adams")
    assert (found.outcome, found.resolved, found.object_name) == (
        "Cleaned",
        True,
        "http://bad.example",
    )
    assert found.description.splitlines() == [
        "while copying",
        "Process: c:\\x.exe",
        "Command line: x.exe /all",
        "SHA-1: ab12",
    ]


def test_a_detection_may_tell_nothing_but_id_and_time() -> None:
    found = detection(context=None, device=None, responses=None, process=None)
    assert (found.title, found.device_id, found.device_name) == ("Detection", "", "PC1")
    assert found.occurred_at == datetime(2026, 11, 2, 7, tzinfo=UTC)


@pytest.mark.parametrize("moment", [None, "", "soon", 5, [], "0001-01-01T00:00:00"])
def test_a_detection_without_a_moment_is_refused(moment: object) -> None:
    with pytest.raises(AnswerError, match="occurTime"):
        detection(occurTime=moment)


# -- incidents -------------------------------------------------------------------------------


def test_an_incident_that_was_never_changed_happened_when_it_was_made() -> None:
    row = IncidentWire.parse({"uuid": "i", "createTime": AT}, "ESET", "an incident")
    found = incident_from(row, "w", "d", "PC1")
    assert found.occurred_at == datetime(2026, 11, 2, 7, tzinfo=UTC)
    assert (found.id, found.title, found.severity) == ("incident:i", "Incident", Severity.UNKNOWN)
    assert not found.resolved
