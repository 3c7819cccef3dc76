"""Answers of odd shapes become errors that name the attribute."""

from typing import Any

import pytest

from plugin.domain.errors import AnswerError
from plugin.domain.model import Protection, Severity
from plugin.vendors.kaspersky import center_wire as wire
from tests.rig import EPOCH

HOST: dict[str, Any] = {"KLHST_WKS_HOSTNAME": "guid", "KLHST_WKS_DN": "PC1"}
EVENT: dict[str, Any] = {"event_db_id": 7, "event_type": "X", "rise_time": EPOCH}
INCIDENT: dict[str, Any] = {"KLINCDT_ID": 3, "KLINCDT_ADDED": EPOCH}
SERVER: dict[str, Any] = {"KLVSRV_ID": 11, "KLVSRV_DN": "Northwind"}


def test_a_host_of_which_little_is_known_is_still_a_device() -> None:
    (device,) = wire.devices([HOST], "11")
    assert (device.id, device.name) == ("guid", "PC1")
    assert device.protection is Protection.UNKNOWN
    assert device.conditions == ()
    assert device.groups == ()
    assert device.seen_at is None
    assert device.product == ""


def test_a_host_without_a_name_is_called_by_what_there_is() -> None:
    names = [
        wire.devices([{**HOST, "KLHST_WKS_DN": "", "KLHST_WKS_FQDN": fqdn}], "11")[0].name
        for fqdn in ("pc1.example", "")
    ]
    assert names == ["pc1.example", "guid"]


@pytest.mark.parametrize("status", [3, -1, "critical", True])
def test_a_status_nobody_knows_is_unknown(status: object) -> None:
    (device,) = wire.devices([{**HOST, "KLHST_WKS_STATUS_ID": status}], "11")
    assert device.protection is Protection.UNKNOWN


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"KLHST_WKS_HOSTNAME": None}, "KLHST_WKS_HOSTNAME"),
        ({"KLHST_WKS_HOSTNAME": {}}, "KLHST_WKS_HOSTNAME"),
        ({"KLHST_WKS_DN": ["PC1"]}, "KLHST_WKS_DN"),
        ({"KLHST_WKS_STATUS_MASK": "all"}, "KLHST_WKS_STATUS_MASK"),
        ({"KLHST_WKS_STATUS_MASK": None}, "KLHST_WKS_STATUS_MASK"),
        ({"KLHST_WKS_GROUPID": []}, "KLHST_WKS_GROUPID"),
        ({"KLHST_WKS_LAST_VISIBLE": "today"}, "KLHST_WKS_LAST_VISIBLE"),
    ],
)
def test_a_host_of_an_odd_shape_names_the_attribute(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(AnswerError, match=field):
        wire.devices([HOST | changed], "11")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"event_db_id": "seven"}, "event_db_id"),
        ({"event_type": None}, "event_type"),
        ({"rise_time": None}, "rise_time"),
        ({"rise_time": "now"}, "rise_time"),
        ({"GNRL_EA_DESCRIPTION": {}}, "GNRL_EA_DESCRIPTION"),
    ],
)
def test_an_event_of_an_odd_shape_names_the_attribute(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(AnswerError, match=field):
        wire.detections([EVENT | changed], "11")


def test_an_event_of_the_server_itself_has_no_device() -> None:
    (detection,) = wire.detections([EVENT], "11")
    assert detection.device_id == ""
    assert detection.severity is Severity.UNKNOWN
    assert detection.title == "X"


@pytest.mark.parametrize("changed", [{"KLINCDT_ID": None}, {"KLINCDT_ADDED": None}])
def test_an_incident_of_an_odd_shape_is_an_answer_error(changed: dict[str, Any]) -> None:
    with pytest.raises(AnswerError):
        wire.incidents([INCIDENT | changed], "11")


def test_an_incident_of_no_type_has_a_kind_of_its_own() -> None:
    ((number, detection),) = wire.incidents([INCIDENT], "11")
    assert number == 3
    assert detection.kind == "incident:other"
    assert detection.title == "Incident"


@pytest.mark.parametrize("rows", [None, {}, "x", [7], [{"KLVSRV_ID": "x", "KLVSRV_DN": "y"}], [{}]])
def test_virtual_servers_of_an_odd_shape_are_an_answer_error(rows: object) -> None:
    with pytest.raises(AnswerError):
        wire.servers(rows)


def test_virtual_servers_of_one_name_go_by_their_unique_names() -> None:
    twins = [SERVER | {"KLVSRV_ID": each, "KLVSRV_UID": f"VS{each}"} for each in (11, 12)]
    assert [server.name for server in wire.servers(twins).values()] == ["VS11", "VS12"]


@pytest.mark.parametrize("rows", [[SERVER, SERVER], [SERVER | {"KLVSRV_DN": ""}]])
def test_a_virtual_server_without_a_name_of_its_own_is_never_entered(
    rows: list[dict[str, Any]],
) -> None:
    with pytest.raises(AnswerError, match="no name of its own"):
        wire.servers(rows)


@pytest.mark.parametrize("told", [None, "x", {}, {"KLSRV_ST_VIRT_SERVERS_DETAILS": []}])
def test_an_overview_that_tells_nothing_counts_nothing(told: object) -> None:
    assert wire.device_counts(told) == {}


def test_an_overview_of_an_odd_shape_is_an_answer_error() -> None:
    with pytest.raises(AnswerError):
        wire.device_counts({"KLSRV_ST_VIRT_SERVERS_DETAILS": ["x"]})


def test_groups_carry_their_virtual_server() -> None:
    rows = [{"id": 1, "name": "Top"}, {"id": 2, "name": "Below", "parentId": 1}]
    top, below = wire.groups(rows, "11")
    assert (top.id, top.parent_id) == ("11:1", None)
    assert (below.id, below.parent_id, below.workspace_id) == ("11:2", "11:1", "11")
