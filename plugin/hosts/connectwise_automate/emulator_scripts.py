"""Scripts of the Automate emulator, among them the runner that calls us in our own format.

The runner does what our ready-made PowerShell text does on a real server: it builds the body,
signs it with the secret it was given and posts it, three tries at most. It is written from the
documented format, not from the code that checks it.
"""

import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.edge.outgoing import post
from plugin.hosts.connectwise_automate.emulator_base import inner, items, record_of
from plugin.hosts.connectwise_automate.emulator_lists import Record
from plugin.hosts.connectwise_automate.emulator_records import RecordsPart

SCRIPT = "LabTech.Models.Script"
TRIES = 3
KEPT_CALLS = 200
PATIENCE = 5.0
"""Seconds the script waits for our answer."""

Post = Callable[[str, bytes, Mapping[str, str], float], int | None]


class ScriptsPart(RecordsPart):
    """The calls about scripts, and the runner."""

    post: Post = staticmethod(post)
    """What sends the runner's calls; a test may put its own here."""

    @route("GET", "/cwa/api/v1/scripts")
    def scripts(self, request: Request) -> Response:
        """List the scripts."""
        return self.page(request, self.table("scripts"), SCRIPT, self.show_script)

    @route("POST", "/cwa/api/v1/batch/scriptexecute")
    def execute_script(self, request: Request) -> Response:
        """Run a script on computers now."""
        return self._run_script(record_of(request))

    @route("POST", "/cwa/api/v1/batch/scriptschedule")
    def schedule_script(self, request: Request) -> Response:
        """Run a script on computers at a time; here at once, when that time is not ahead."""
        return self._run_script(record_of(request))

    def _run_script(self, body: Record) -> Response:
        script = str(body.get("scriptid"))
        if script not in self.table("scripts"):
            return self.error(400, "The script does not exist.", "BadRequest")
        if str(body.get("entitytype")).lower() not in {"1", "computer"}:
            return self.error(400, "The script runs on computers only.", "BadRequest")
        frequency = inner(inner(body, "schedule"), "scriptschedulefrequency")
        if frequency.get("scriptschedulefrequencyid") is None:
            return self.error(400, "A schedule frequency is required.", "BadRequest")
        computers = items(body, "entityids")
        if not all(each.isascii() and each.isdigit() for each in computers):
            return self.error(400, "The computer ids are not valid.", "BadRequest")
        results = [self._run_on(script, each) for each in computers]
        bad = any(result["ResultDetails"]["ResultStatus"] for result in results)
        return self.json({"ScriptResults": results, "ContainsUnsuccessfulResults": bad})

    def _run_on(self, script: str, computer: str) -> Record:
        known = computer in self.table("computers")
        details = {"ResultStatus": 0, "ReasonCode": 0, "Message": ""}
        if not known:
            details = {"ResultStatus": 1, "ReasonCode": 404, "Message": "Computer was not found."}
        else:
            number = str(self.table("script_runs").next_id())
            at = self.time_text(self.now_seconds())
            row = {"script": script, "computer": computer, "at": at}
            self.table("script_runs")[number] = row
            event = self.table("scripts")[script]["event"]
            if event and self.table("computers")[computer]["online"]:
                self.report(event, computer, {})
        return {"EntityId": int(computer), "ResultDetails": details}

    # -- the runner --------------------------------------------------------------------------

    def set_runner(self, url: str, secret: str, key_id: str = "server") -> None:
        """Put our script with its secret into the system, as a person does; no URL removes it."""
        self.table("runner")["it"] = {"url": url, "secret": secret, "key_id": key_id}

    def report(self, event: str, computer: str, details: Mapping[str, Any]) -> str | None:
        """Let the script run for ``event``; returns the message id, or None without a script."""
        runner = self.table("runner").get("it")
        if runner is None or not runner["url"]:
            return None
        now = int(self.now_seconds())
        message = str(uuid.uuid4())
        body = {
            "event": event,
            "computer_id": computer,
            "client_id": self.table("computers")[computer]["client"],
            "message_id": message,
            "occurred_at": datetime.fromtimestamp(now, timezone(self.zone)).isoformat(),
            "details": dict(details),
        }
        number = str(self.table("calls").next_id())
        self.table("calls")[number] = {
            "url": runner["url"],
            "body": json.dumps(body, separators=(",", ":")),
            "timestamp": str(now),
            "tries": 0,
            "due": self.clock().timestamp(),
            "status": None,
            **_signed(runner, str(now), json.dumps(body, separators=(",", ":"))),
        }
        return message

    def background(self) -> None:
        """Send the calls that are due, without holding up anybody's request."""
        super().background()
        for number, call in self._due_calls():
            headers = {
                "Content-Type": "application/json",
                "X-Bridgehead-Timestamp": call["timestamp"],
                "X-Bridgehead-Signature": call["signature"],
                "X-Bridgehead-Key-Id": call["key_id"],
            }
            status = self.post(call["url"], call["body"].encode(), headers, PATIENCE)
            with self.lock:
                self._note_call(number, status)
                self.shelf.commit()

    def _due_calls(self) -> list[tuple[str, Record]]:
        with self.lock:
            now = self.clock().timestamp()
            calls = self.table("calls").items()
            return [(n, c) for n, c in calls if c["due"] is not None and c["due"] <= now]

    def _note_call(self, number: str, status: int | None) -> None:
        calls = self.table("calls")
        call = calls[number]
        tries = call["tries"] + 1
        again = (status is None or status == 429 or status >= 500) and tries < TRIES
        due = self.clock().timestamp() + 5 * tries if again else None
        calls[number] = {**call, "tries": tries, "status": status, "due": due}
        finished = [each for each, one in calls.items() if one["due"] is None]
        for old in finished[:-KEPT_CALLS]:
            del calls[old]

    def show_script(self, number: str, expand: frozenset[str]) -> Record:
        """Return a script as the interface shows it."""
        script = self.table("scripts")[number]
        return {
            "Id": number,
            "Name": script["name"],
            "Comments": "",
            "IsComputerScript": True,
            "IsOffline": False,
            "Version": 1,
            "FullFolderPath": script["folder"],
        }


def _signed(runner: Record, timestamp: str, body: str) -> Record:
    message = f"{timestamp}.{body}".encode()
    digest = hmac.new(runner["secret"].encode(), message, sha256).hexdigest()
    return {"signature": f"v1={digest}", "key_id": runner["key_id"]}
