"""Fills an office with what a working installation holds."""

import json
import secrets
from datetime import timedelta

from plugin.domain.notice_texts import Told
from plugin.services import connections, notice_policy, notices
from plugin.store.base import writing
from plugin.store.work import Delivery, SyncRun
from tests.blueprints.pages.office import Office

HOSTILE = "<svg onload=alert(1)>\r\nX-Evil: 1"
STATES = ("handled", "dropped", "dead", "waiting", "parked", "dead")


def fill(office: Office) -> None:
    """Add an integration with its data, tickets, runs of every state and received calls."""
    office.house.integrate()
    for _ in range(2):
        office.house.happen("detection")
    for connection in connections.living(office.house.runtime):
        office.house.sync(connection)
    _add_calls(office)
    _add_runs(office)
    _add_notices(office)


def _add_calls(office: Office) -> None:
    now = office.house.runtime.now()
    with writing() as session:
        for number, state in enumerate(STATES):
            body = {"ID": 900 + number, "Type": "ticket", "Entity": HOSTILE}
            session.add(
                Delivery(
                    connection_id=1,
                    received_at=now - timedelta(minutes=number),
                    digest=secrets.token_hex(32),
                    headers=[["x-content-signature", "abc="], ["x-api-key", "canary-key"]],
                    query="recordId=7&token=canary-token",
                    body=json.dumps(body).encode(),
                    state=state,
                    proven=state != "dead",
                    event_kind="ticket",
                    entity_id=f"=cmd({number})",
                    action="updated",
                    reason=f"said {HOSTILE}",
                )
            )


def _add_runs(office: Office) -> None:
    now = office.house.runtime.now()
    with writing() as session:
        for state in ("running", "waiting", "failed", "partial", "cancelled"):
            session.add(
                SyncRun(
                    connection_id=2,
                    what="data",
                    scope_name=HOSTILE,
                    living=state if state in {"running", "waiting"} else None,
                    state=state,
                    asked_at=now,
                    started_at=now,
                    expected=100,
                    seen=40,
                    problem="the vendor did not answer" if state == "failed" else "",
                )
            )


def _add_notices(office: Office) -> None:
    """Add one notification of each kind, and an e-mail that reached nobody."""
    runtime = office.house.runtime
    with writing() as session:
        for kind in notice_policy.ROUTED:
            title = f"=cmd() {kind} {HOSTILE}"
            told = Told(kind, title, f"It said {HOSTILE}.\nWhat to do: look.", "/connections/1")
            notices.tell(runtime, session, told, to=["somebody@vendor.example"])
