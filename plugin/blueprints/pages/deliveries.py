"""Received calls (deliveries): what came, what became of it, and handling it once more."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta

from flask import abort, flash, request

from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, ask, csv_file, one, show, to, wants_csv
from plugin.services import inbox, lists, receiver
from plugin.services.access import Role
from plugin.services.lists import Ask
from plugin.store.work import Delivery

blueprint = new_blueprint("deliveries", __name__)

COLUMNS = (
    "Received (UTC)",
    "Connection",
    "About",
    "Record",
    "Action",
    "State",
    "Reason",
    "Proven",
    "Same call again",
    "Replays",
)
SHOWN_BYTES = 65_536
MASK = "•••••• (hidden)"
_SECRET = re.compile(r"auth|cookie|token|secret|password|api-?key|private", re.IGNORECASE)
_PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


@blueprint.get("/deliveries")
@allow(Role.VIEWER)
def table() -> Answer:
    """List the received calls."""
    asked = ask()
    if wants_csv():
        return csv_file("received-calls", COLUMNS, _cells(asked))
    return show(
        "deliveries/table.html",
        listing=lists.deliveries.page(runtime(), asked, scope()),
        connections=lists.connection_names(scope(), calling=True),
        ask=asked,
    )


def _cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for row in lists.deliveries.walk(runtime(), asked, scope()):
        yield (
            row.received_at,
            row.connection.name,
            words.EVENT_KIND.get(row.event_kind or "unread", row.event_kind),
            row.entity_id,
            row.action,
            words.state(words.DELIVERY, row.state)[0],
            row.reason,
            "yes" if row.proven else "no",
            row.repeats,
            row.replays,
        )


@blueprint.get("/deliveries/<int:delivery_id>")
@allow(Role.TECHNICIAN)
def delivery(delivery_id: int) -> Answer:
    """Show one call as it came, and what became of it."""
    row = one(Delivery, delivery_id)
    if not scope().shows_calls(row.connection_id):
        abort(404)
    raw, pretty, cut = _read(row.body)
    return show(
        "deliveries/one.html",
        delivery=row,
        headers=[(name, _masked(name, value)) for name, value in row.headers],
        query=_masked_query(row.query),
        raw=raw,
        pretty=pretty,
        cut=cut,
        job=lists.job_of(receiver.JOB_KIND, row.id),
    )


def _read(body: bytes) -> tuple[str, str, bool]:
    """Return the body as text, drawn up when it is JSON, and whether it was cut."""
    raw = body[:SHOWN_BYTES].decode("utf-8", "replace")
    cut = len(body) > SHOWN_BYTES
    try:
        pretty = "" if cut else json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        pretty = ""
    return raw, pretty[: 4 * SHOWN_BYTES], cut


def _masked(name: str, value: str) -> str:
    return MASK if _SECRET.search(name) else value


def _masked_query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&"))
    return "&".join(
        f"{name}{sign}{MASK if sign and _SECRET.search(name) else value}"
        for name, sign, value in pairs
    )


@blueprint.post("/deliveries/replay")
@allow(Role.TECHNICIAN)
def replay() -> Answer:
    """Have calls handled once more: some by number, all dead ones, or every one of a time."""
    chosen = _chosen()
    count = inbox.replay(runtime(), person().name, chosen) if chosen else 0
    if count:
        flash(f"{words.count(count, 'call')} will be handled once more.", "ok")
        if len(chosen) >= lists.MOST_REPLAYED:
            flash("There are more; replay again once these are done.", "info")
    else:
        flash("No call was chosen, so nothing was replayed.", "info")
    if request.form.get("back") == "one" and len(chosen) == 1:
        return to("deliveries.delivery", delivery_id=chosen[0])
    return to("deliveries.table")


def _chosen() -> list[int]:
    which = request.form.get("all")
    if which in {"dead", "every"}:
        period = _PERIODS.get(request.form.get("since", ""))
        if which == "every" and period is None:
            return []  # every call of weeks is nobody's wish, and too many for the host
        since = runtime().now() - period if period else None
        return lists.calls_since(scope(), since, dead=which == "dead")
    words_given = request.form.getlist("delivery")[: lists.SIZES[-1]]
    numbers = [int(each) for each in words_given if each.isascii() and each.isdecimal()]
    return lists.of_this_scope(scope(), numbers)
