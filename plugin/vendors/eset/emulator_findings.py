"""Incident management of ESET Connect's emulator: detections of both versions, and incidents."""

import base64
import re
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.vendors.eset.emulator_gate import BadArgumentError, ConnectGate

Record = dict[str, Any]

_CONDITION = re.compile(
    r"(?:incident\.)?create_time\s*(?P<order>>=|<)\s*timestamp\('(?P<time>[^']+)'\)"
    r"|(?:incident\.)?(?P<field>status|severity)\s*(?P<same>==|!=)\s*(?P<word>INCIDENT_[A-Z_]+)"
)
_V1_CATEGORIES = {"EDR_RULE": "CORRELATION_RULE"}
_REASONS = {"TRUE_POSITIVE", "FALSE_POSITIVE", "SUSPICIOUS"}
_NO_ORDER = {"orderBy", "sort", "filter", "sortBy"}


class FindingRoutes(ConnectGate):
    """Answers for ``{region}.incident-management.eset.systems``."""

    @route("GET", "/v1/detections")
    def detections_v1(self, request: Request) -> Response:
        """List what PROTECT and Inspect found, in no promised order, by device and time."""
        ids = self._found(request, "v1")
        page = self.page(request, ids)
        table = self.table("detections")
        shown = [show_v1(each, table[each]) for each in page.ids]
        answer = {"detections": shown, "nextPageToken": page.next_token, "totalSize": len(ids)}
        return self.json(answer)

    @route("GET", "/v2/detections")
    def detections_v2(self, request: Request) -> Response:
        """List what Cloud Office Security found."""
        page = self.page(request, self._found(request, "v2"))
        shown = [self._show_v2(each) for each in page.ids]
        return self.json({"detections": shown, "nextPageToken": page.next_token})

    @route("GET", "/v1/detections/<detection_id>")
    def detection_v1(self, request: Request, detection_id: str) -> Response:
        """Show one detection of the first version."""
        record = self.table("detections").get(detection_id)
        if record is None or record["list"] != "v1":
            return self.empty(404)
        return self.json({"detection": show_v1(detection_id, record)})

    @route("GET", "/v2/detections/<detection_id>")
    def detection_v2(self, request: Request, detection_id: str) -> Response:
        """Show any detection, with more than the list tells."""
        if detection_id not in self.table("detections"):
            return self.empty(404)
        return self.json({"detection": self._show_v2(detection_id)})

    @route("POST", "/v2/detections/<detection_id>:resolve")
    def detection_resolve(self, request: Request, detection_id: str) -> Response:
        """Mark a detection as dealt with."""
        record = self.table("detections").get(detection_id)
        if record is None:
            return self.empty(404)
        note = str((request.get_json(silent=True) or {}).get("note", ""))
        self.table("detections")[detection_id] = {**record, "resolved": True, "note": note}
        return self.json({})

    @route("GET", "/v1/detections:listDelta")
    def delta_v1(self, request: Request) -> Response:
        """List detections made since a token; ``latest`` gives a token and no rows."""
        table = self.table("detections")
        return self._delta(request, "v1", lambda each: show_v1(each, table[each]))

    @route("GET", "/v2/detections:listDelta")
    def delta_v2(self, request: Request) -> Response:
        """List Cloud Office Security's detections made since a token."""
        return self._delta(request, "v2", self._show_v2)

    def _found(self, request: Request, version: str) -> list[str]:
        if _NO_ORDER & set(request.args):
            raise BadArgumentError
        since, until = (_moment(request.args.get(name)) for name in ("startTime", "endTime"))
        device = request.args.get("deviceUuid")
        return [
            each
            for each, record in self.table("detections").items()
            if record["list"] == version
            and self.switch("group_scope")
            and (not device or record["device"] == device)
            and (since is None or datetime.fromisoformat(record["at"]) >= since)
            and (until is None or datetime.fromisoformat(record["at"]) < until)
        ]

    def _delta(self, request: Request, version: str, show: Any) -> Response:  # noqa: ANN401
        if not self.switch("delta"):
            return self.empty(404)
        table, since = self.table("detections"), request.args.get("deltaToken", "")
        newest = len(table)
        if since == "latest":
            return self.json(_delta_answer([], "", newest))
        seen = _seen(since)
        new = [each for each in list(table)[seen:] if table[each]["list"] == version]
        page = self.page(request, new if self.switch("group_scope") else [], usual=100)
        shown = [show(each) for each in page.ids]
        return self.json(_delta_answer(shown, page.next_token, newest))

    def _show_v2(self, identifier: str) -> Record:
        record = self.table("detections")[identifier]
        device = self.table("devices").get(record["device"], {"name": ""})
        return show_v2(identifier, record, device["name"])

    # -- incidents ---------------------------------------------------------------------------

    @route("GET", "/v2/incidents")
    def incidents_list(self, request: Request) -> Response:
        """List incidents; the filter is a little CEL with unquoted words."""
        conditions = list(_conditions(request.args.get("filter", "")))
        table = self.table("incidents") if self.switch("group_scope") else {}
        ids = [each for each, record in table.items() if _meets(record, conditions)]
        page = self.page(request, ids)
        shown = [show_incident(each, table[each]) for each in page.ids]
        return self.json({"incidents": shown, "nextPageToken": page.next_token})

    @route("GET", "/v2/incidents/<incident_id>")
    def incident_get(self, request: Request, incident_id: str) -> Response:
        """Show one incident."""
        record = self.table("incidents").get(incident_id)
        if record is None:
            return self.empty(404)
        return self.json({"incident": show_incident(incident_id, record)})

    @route("POST", "/v2/incidents/<incident_id>:close")
    def incident_close(self, request: Request, incident_id: str) -> Response:
        """Close an incident; in practice the reason is needed."""
        record = self.table("incidents").get(incident_id)
        given = request.get_json(silent=True) or {}
        reason = str(given.get("closureReason", "")).removeprefix("INCIDENT_RESOLVE_REASON_")
        if record is None:
            return self.empty(404)
        if reason not in _REASONS:
            raise BadArgumentError
        comment = (given.get("finalComment") or {}).get("text", "")
        self.table("incidents")[incident_id] = {
            **record,
            "status": "CLOSED",
            "reason": reason,
            "comment": comment,
            "updated": self.clock().isoformat(),
        }
        return self.json({})


def show_v1(identifier: str, record: Record) -> Record:
    """Return a detection as the first version shows it: no host name, no resolved flag."""
    category = str(_V1_CATEGORIES.get(record["category"], record["category"]))
    answers = [{"displayName": record["outcome"], "protectionName": "Real-time file system"}]
    return {
        "uuid": identifier,
        "category": "DETECTION_CATEGORY_" + category,
        "displayName": record["title"],
        "typeName": record["type"],
        "severityLevel": "SEVERITY_LEVEL_" + record["severity"],
        "occurTime": record["at"],
        "objectName": record["object"],
        "objectTypeName": "File",
        "objectUrl": "",
        "objectHashSha1": record["hash"],
        "context": {
            "deviceUuid": record["device"],
            "userName": record["user"],
            "circumstances": record["text"],
            "process": {"path": "C:\\Windows\\explorer.exe"},
        },
        "responses": answers if record["outcome"] else [],
    }


def show_v2(identifier: str, record: Record, device_name: str) -> Record:
    """Return a detection as the second version shows it."""
    answers = [{"displayName": record["outcome"], "actionType": "OBJECT_ACTION_TYPE_CLEAN"}]
    return {
        "uuid": identifier,
        "category": "DETECTION_CATEGORY_" + record["category"],
        "displayName": record["title"],
        "typeName": record["type"],
        "severityLevel": "SEVERITY_LEVEL_" + record["severity"],
        "severityScore": {"HIGH": 80, "MEDIUM": 55}.get(record["severity"], 20),
        "occurTime": record["at"],
        "objectName": record["object"],
        "objectHashSha1": record["hash"],
        "circumstances": record["text"],
        "userName": record["user"],
        "device": {"uuid": record["device"], "displayName": device_name},
        "process": {"path": "C:\\Windows\\explorer.exe", "commandLine": "explorer.exe"},
        "resolved": record["resolved"],
        "note": record["note"],
        "responses": answers if record["outcome"] else [],
    }


def show_incident(identifier: str, record: Record) -> Record:
    """Return an incident as the interface shows it."""
    return {
        "uuid": identifier,
        "displayName": record["title"],
        "description": record["text"],
        "severity": "INCIDENT_SEVERITY_LEVEL_" + record["severity"],
        "status": "INCIDENT_STATUS_" + record["status"],
        "createTime": record["created"],
        "updateTime": record["updated"],
        "assigneeUuid": "",
        "detectionUuids": record["detections"],
        "deviceUuids": record["devices"],
        "tags": [],
        "metrics": {"deviceCount": len(record["devices"])},
    }


def _delta_answer(shown: list[Record], next_page: str, newest: int) -> Record:
    token = base64.urlsafe_b64encode(f"delta:{newest}".encode()).decode()
    delta = "" if next_page else token
    return {"createdDetections": shown, "nextPageToken": next_page, "nextDeltaToken": delta}


def _seen(token: str) -> int:
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
    except ValueError:
        raise BadArgumentError from None
    if word != "delta" or not number.isdigit():
        raise BadArgumentError
    return int(number)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadArgumentError from None
    if moment.tzinfo is None:
        raise BadArgumentError
    return moment


def _conditions(text: str) -> list[re.Match[str]]:
    if len(text) > 200:
        raise BadArgumentError
    found = [_CONDITION.fullmatch(part.strip()) for part in text.split("&&") if part.strip()]
    if None in found:
        raise BadArgumentError
    return [each for each in found if each]


def _meets(record: Record, conditions: list[re.Match[str]]) -> bool:
    return all(_meets_one(record, condition) for condition in conditions)


def _meets_one(record: Record, condition: re.Match[str]) -> bool:
    if condition["order"]:
        bound = _moment(condition["time"])
        later = bound is not None and datetime.fromisoformat(record["created"]) >= bound
        return later if condition["order"] == ">=" else not later
    prefix = {"status": "INCIDENT_STATUS_", "severity": "INCIDENT_SEVERITY_LEVEL_"}
    same: bool = prefix[condition["field"]] + record[condition["field"]] == condition["word"]
    return same if condition["same"] == "==" else not same
