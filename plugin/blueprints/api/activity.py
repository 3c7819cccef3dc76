"""What was received and what was fetched: deliveries and sync runs."""

import base64
import re
from typing import Any

from flask import abort
from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import ID, Door, page_of, row_of
from plugin.blueprints.api.values import (
    Answer,
    Moment,
    QueryWhole,
    Switch,
    ToldText,
    ToldWords,
    Wish,
    one_of,
)
from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.domain.model import EventKind
from plugin.services import groups, inbox, lists, sync
from plugin.services.access import Role
from plugin.services.lists import Ask, Listing
from plugin.store.work import Delivery, DeliveryState, RunState, SyncRun

deliveries = Door("deliveries", "Calls received from hosts, kept as they came.")
runs = Door("runs", "Passes over what a remote holds, with counts and causes of failure.")

_SECRET = re.compile(r"token|secret|password|cookie|authoriz|api-?key", re.IGNORECASE)
_MASK = "••••••••"
_RUNS = (
    sync.WORKSPACES,
    groups.GROUPS,
    sync.DATA,
    sync.COMPANIES,
    sync.TICKETS,
    sync.COMPUTERS,
)


class DeliverySchema(Answer):
    """A received call."""

    id = fields.Integer()
    connection_id = fields.Integer()
    connection = ToldText(lambda row: row.connection.name)
    received_at = Moment()
    state = one_of(DeliveryState)
    reason = fields.String()
    proven = fields.Boolean()
    message_id = fields.String()
    event_kind = fields.String()
    entity_id = fields.String()
    action = fields.String()
    repeats = fields.Integer()
    replays = fields.Integer()
    handled_at = Moment(allow_none=True)


class DeliveryDetailSchema(DeliverySchema):
    """A received call with everything it said."""

    headers = ToldWords(lambda row: _headers(row), keys=fields.String(), values=fields.String())
    query = fields.String()
    body = ToldText(lambda row: _body(row)[0])
    body_encoding = ToldText(
        lambda row: _body(row)[1],
        metadata={"description": "`utf-8`, or `base64` where the body is no text"},
    )


def _headers(row: Delivery) -> dict[str, str]:
    """Return the kept headers, with what could let somebody in made unreadable."""
    return {name: _MASK if _SECRET.search(name) else value for name, value in row.headers}


def _body(row: Delivery) -> tuple[str, str]:
    try:
        return row.body.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(row.body).decode(), "base64"


class RunSchema(Answer):
    """One pass; the counts are of records."""

    id = fields.Integer()
    connection_id = fields.Integer()
    connection = ToldText(lambda row: row.connection.name)
    what = one_of(_RUNS)
    workspace_id = fields.String(attribute="scope")
    workspace = fields.String(attribute="scope_name")
    state = one_of(RunState)
    full = fields.Boolean()
    asked_by = fields.String()
    asked_at = Moment()
    started_at = Moment(allow_none=True)
    ended_at = Moment(allow_none=True)
    cancel_asked = fields.Boolean()
    seen = fields.Integer()
    created = fields.Integer()
    updated = fields.Integer()
    unchanged = fields.Integer()
    removed = fields.Integer()
    failed = fields.Integer()
    withheld = fields.Integer()
    problem = fields.String()


@deliveries.route()
class Deliveries(MethodView):
    """All received calls."""

    @allow(Role.TECHNICIAN)
    @deliveries.lists(
        DeliverySchema,
        sorts=("time",),
        filters={
            "state": one_of(DeliveryState),
            "connection": QueryWhole(),
            "kind": one_of(["unread", *EventKind]),
        },
    )
    def get(self, ask: Ask) -> Listing[Delivery]:
        """List the received calls, newest first."""
        return page_of(lists.deliveries, ask)


@deliveries.route(f"/{ID}")
class OneDelivery(MethodView):
    """One received call."""

    @allow(Role.TECHNICIAN)
    @deliveries.answers(DeliveryDetailSchema)
    def get(self, number: int) -> Delivery:
        """Tell one call with its headers and body."""
        return _call(number)


@deliveries.route(f"/{ID}/replay")
class DeliveryReplay(MethodView):
    """Handling a call once more."""

    @allow(Role.TECHNICIAN)
    @deliveries.answers(DeliverySchema, 202)
    def post(self, number: int) -> Delivery:
        """Have a stored call handled once more, whatever became of it."""
        delivery = _call(number)
        inbox.replay(runtime(), person().name, [delivery.id])
        return delivery


def _call(number: int) -> Delivery:
    row = row_of(Delivery, number)
    return row if scope().shows_calls(row.connection_id) else abort(404)


class ReplayWishSchema(Wish):
    """Which calls to handle once more."""

    since = fields.AwareDateTime(
        required=True, metadata={"description": "Those received at this moment or later"}
    )
    dead_only = Switch(load_default=True, metadata={"description": "Only dead letters"})


class ReplayedSchema(Answer):
    """What a replay of many calls began."""

    replayed = fields.Integer()
    more = fields.Boolean(metadata={"description": "Whether calls are left for another replay"})


@deliveries.route("/replay")
class DeliveriesReplay(MethodView):
    """Handling many calls once more."""

    @allow(Role.TECHNICIAN)
    @deliveries.takes(ReplayWishSchema)
    @deliveries.answers(ReplayedSchema, 202)
    def post(self, given: dict[str, Any]) -> dict[str, object]:
        """Have all calls since a moment handled once more, oldest first, up to 10,000 at a time."""
        chosen = lists.calls_since(scope(), given["since"], dead=given["dead_only"])
        count = inbox.replay(runtime(), person().name, chosen)
        return {"replayed": count, "more": len(chosen) >= lists.MOST_REPLAYED}


@runs.route()
class Runs(MethodView):
    """All sync runs."""

    @allow(Role.VIEWER)
    @runs.lists(
        RunSchema,
        sorts=("time",),
        filters={
            "state": one_of(RunState),
            "connection": QueryWhole(),
            "what": one_of(_RUNS),
        },
    )
    def get(self, ask: Ask) -> Listing[SyncRun]:
        """List the runs, newest first."""
        return page_of(lists.runs, ask)


@runs.route(f"/{ID}")
class OneRun(MethodView):
    """One sync run."""

    @allow(Role.VIEWER)
    @runs.answers(RunSchema)
    def get(self, number: int) -> SyncRun:
        """Tell one run."""
        return _run(number)


@runs.route(f"/{ID}/cancel")
class RunCancel(MethodView):
    """Ending a run early."""

    @allow(Role.TECHNICIAN)
    @runs.answers(RunSchema, 202)
    def post(self, number: int) -> SyncRun:
        """Ask a living run to end at its next page; harmless when it has ended."""
        run = _run(number)
        sync.cancel(runtime(), person().name, run)
        return run


def _run(number: int) -> SyncRun:
    row = row_of(SyncRun, number)
    return row if scope().is_open(row.connection_id, row.scope) else abort(404)
