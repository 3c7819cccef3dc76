"""Our pages inside a host's screen: the hand-over of who is looking.

A host with the hosted API frames :func:`launch`. Its script shakes hands with the host's page (see
``static/hosted.js``), hands over what that says of its member, and the host itself is asked whether
it is true. The session then lives in a partitioned cookie and, for browsers that refuse every
cookie in a frame, as a bearer in the page's memory.
"""

from typing import Any

from flask import Response, abort, g, jsonify, redirect, request, url_for

from plugin.blueprints import strict_json
from plugin.blueprints.forms import Form, text
from plugin.blueprints.guard import (
    anyone,
    cookies_work,
    current_person,
    origin_of,
    recognise,
    refuse_other_sites,
    runtime,
    start_cookie,
)
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.context import embedded
from plugin.blueprints.pages.showing import Answer, one, show
from plugin.blueprints.strict_json import JsonError
from plugin.domain.contracts import ProvesMembers
from plugin.domain.errors import EdgeError, ForgedError, RuleError
from plugin.domain.model import MemberClaim
from plugin.services import access, bearers, proven, vouchers
from plugin.store.base import db
from plugin.store.integrations import Connection, Side
from plugin.store.people import User, UserSession

blueprint = new_blueprint("embedding", __name__)

LAUNCH_SECONDS = 600


class HandOver(Form):
    """What the script hands over: what the host's page said, and the launch it belongs to."""

    launch = text(1000)
    company = text(200)
    member = text(200)
    hash = text(600)
    context = text(60)
    screen = text(40)
    record = text(100)


@blueprint.get("/embed/<int:connection_id>")
@anyone(why="who is looking is proven by the hand-over that follows", in_frames=True)
def launch(connection_id: int) -> Answer:
    """Show the page that a host frames: it finds out who is looking, then opens the record."""
    connection = _host(connection_id)
    g.only_frames = [origin_of(connection)]
    adapter = runtime().hosts[connection.kind]
    screen, record = request.args.get("screen", ""), request.args.get("id", "")
    onward = url_for(
        "records.record",
        host_id=connection.id,
        screen=screen,
        record=record,
        name=request.args.get("name"),
        serial=request.args.get("serial"),
    )
    if not issubclass(adapter, ProvesMembers):
        if not embedded():
            return redirect(onward)
        return show("embedding/unproven.html", title=adapter.title, onward=onward)
    return show(
        "embedding/launch.html",
        title=adapter.title,
        host_origin=origin_of(connection),
        action=url_for("embedding.hand_over", connection_id=connection.id),
        launch=_launch_of(connection),
        screen=screen,
        record=record,
        onward=onward,
    )


@blueprint.post("/embed/<int:connection_id>/member")
@anyone(why="the host itself proves who is looking", checks_itself=True)
def hand_over(connection_id: int) -> Answer:
    """Have the host prove its member; answer with a session and where to go.

    It is called by our own page alone: the exact origin and a fresh launch are asked for.
    """
    refuse_other_sites(demand=True)
    connection = _host(connection_id)
    given, faults = HandOver.read(_sent())
    if faults or vouchers.read(runtime(), _purpose(connection), given["launch"]) is None:
        return _refusal(400, "This page was open for too long. Load it again.")
    claim = MemberClaim(given["company"], given["member"], given["hash"], given["context"])
    caller = request.remote_addr or ""
    try:
        user = proven.member_user(runtime(), connection, claim, caller)
    except ForgedError as error:
        return _refusal(403, f"{error.message}. Sign in to the host again, then load this page.")
    except RuleError as error:
        return _refusal(403, error.message)
    except EdgeError as error:
        return _refusal(502, f"The host could not be asked who you are: {error.message}.")
    return _handed_over(connection, user, given)


def _handed_over(connection: Connection, user: User, given: dict[str, Any]) -> Response:
    session, secret = _session_for(user)
    answer = jsonify(
        bearer=bearers.bearer_of(runtime(), session),
        minutes=runtime().settings.limits.access.bearer_minutes,
        launch=_launch_of(connection),
        to=url_for(
            "records.record",
            host_id=connection.id,
            screen=given["screen"],
            record=given["record"],
        ),
    )
    if secret:
        start_cookie(answer, secret)
    return answer


def _session_for(user: User) -> tuple[UserSession, str]:
    """Return the session of this browser, and its cookie's secret when it is a new one.

    A frame that is loaded again, and every further frame, goes on with the session there is.
    """
    recognise()
    who = current_person()
    if who is not None and who.user_id == user.id and who.session_id is not None:
        return db.session.get_one(UserSession, who.session_id), ""
    agent = request.user_agent.string
    known = None if cookies_work() else access.newest_session(runtime(), user, agent)
    if known is not None:
        return known, ""
    secret, _ = access.start_session(runtime(), user, agent)
    started = access.session_of(runtime(), secret)
    return started or abort(401), secret


def _sent() -> dict[str, str]:
    try:
        body = strict_json.read(request.get_data())
    except JsonError:
        return {}
    fields = body if isinstance(body, dict) else {}
    return {str(name): str(value) for name, value in fields.items() if value is not None}


def _refusal(status: int, problem: str) -> Response:
    answer = jsonify(problem=problem[:1].upper() + problem[1:])
    answer.status_code = status
    return answer


def _host(connection_id: int) -> Connection:
    found = one(Connection, connection_id)
    return found if found.side == Side.HOST and found.kind in runtime().hosts else abort(404)


def _purpose(connection: Connection) -> str:
    return f"launch {connection.id}"


def _launch_of(connection: Connection) -> str:
    return vouchers.sign(runtime(), _purpose(connection), "", LAUNCH_SECONDS)
